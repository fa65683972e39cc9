#include "cli/answer_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "base/error.h"
#include "base/json.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(fs::path const& path, char const* action) {
  throw Error(ErrorCode::Unavailable,
              fmt::format("{}: cannot be {} ({})", path.string(), action, std::strerror(errno)));
}

void refuse_folder(std::string const& name) {
  if (std::error_code ignored; fs::is_directory(name, ignored))
    throw Error(ErrorCode::InvalidUsage, fmt::format("--output-file {}: is a folder; name a file in it", quote(name)));
}

/// The job and the input as it is now: a file that was changed is another.
std::string description(AnswerJob const& job) {
  std::error_code absent;
  auto const size = fs::file_size(job.input, absent);
  if (absent)
    throw Error(ErrorCode::NotFound, fmt::format("{}: cannot be opened ({})", job.input.string(), absent.message()));
  auto const changed = fs::last_write_time(job.input).time_since_epoch().count();
  return OrderedJson{{"model", job.model}, {"precision", job.precision},
                     {"tasks", job.tasks}, {"input", fs::absolute(job.input).lexically_normal().string()},
                     {"bytes", size},      {"changed", changed}}
             .dump() +
         "\n";
}

}  // namespace

AnswerSink::AnswerSink(std::string const& name) {
  if (name == "-" || name == "/dev/stdout") return;
  refuse_folder(name);
  file_.emplace(name);
}

AnswerSink::AnswerSink(std::string const& name, AnswerJob const& job) {
  refuse_folder(name);
  if (name == "-" || name == "/dev/stdout" || job.input == "-")
    throw Error(ErrorCode::InvalidUsage,
                "--resume needs --input FILE and --output-file FILE: a stream cannot be continued");
  Unfinished unfinished{.target = name, .file = name + ".unfinished", .job = name + ".unfinished.job"};
  auto const now = description(job);
  std::error_code absent;
  bool const continues = fs::exists(unfinished.job, absent) && fs::exists(unfinished.file, absent);
  if (continues && read_file(unfinished.job, 1 << 20) != now)
    throw Error(
        ErrorCode::Conflict,
        fmt::format("{}: was begun with another model, precision, task or input; remove it and {} to begin anew",
                    unfinished.file.string(), unfinished.job.filename().string()));
  if (!continues) {
    fs::remove(unfinished.file, absent);
    write_file_atomically(unfinished.job, now);
  }
  unfinished.descriptor = ::open(unfinished.file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (unfinished.descriptor < 0) fail(unfinished.file, "opened");
  unfinished_ = std::move(unfinished);
  count_answers();
}

AnswerSink::~AnswerSink() {
  if (unfinished_ && unfinished_->descriptor >= 0) ::close(unfinished_->descriptor);
}

/// A line that was cut by the interruption is taken away; its row is answered again.
void AnswerSink::count_answers() {
  std::ifstream in(unfinished_->file, std::ios::binary);
  std::uintmax_t whole = 0;
  for (std::string line; std::getline(in, line) && !in.eof();) {
    auto const answer = parse_json(line, unfinished_->file.string());
    if (!answer || !answer.value().is_object())
      throw Error(ErrorCode::Corrupt, fmt::format("{}:{}: is not a line of answers; remove the file to begin anew",
                                                  unfinished_->file.string(), n_answered_ + 1));
    n_errors_ += answer.value().contains("error");
    ++n_answered_;
    whole += line.size() + 1;
  }
  if (::ftruncate(unfinished_->descriptor, static_cast<off_t>(whole)) != 0) fail(unfinished_->file, "cut");
  if (::lseek(unfinished_->descriptor, 0, SEEK_END) < 0) fail(unfinished_->file, "continued");
}

void AnswerSink::print(std::vector<std::string> const& lines) {
  std::string text;
  for (auto const& line : lines) text += line + '\n';
  if (file_) return file_->write(text);
  if (unfinished_) {
    for (std::string_view rest = text; !rest.empty();) {
      auto const n = ::write(unfinished_->descriptor, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(unfinished_->file, "written");
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    return;
  }
  if (!(std::cout << text << std::flush))
    throw Error(ErrorCode::Unavailable, "standard output cannot be written; the answers were cut");
}

void AnswerSink::commit() {
  if (file_) return file_->commit();
  if (!unfinished_) return;
  if (::fsync(unfinished_->descriptor) != 0) fail(unfinished_->file, "written");
  std::error_code failed;
  fs::rename(unfinished_->file, unfinished_->target, failed);
  if (failed)
    throw Error(ErrorCode::Unavailable,
                fmt::format("{}: cannot be put in place ({})", unfinished_->target.string(), failed.message()));
  fs::remove(unfinished_->job, failed);
  auto const folder = unfinished_->target.parent_path();
  sync_folder(folder.empty() ? "." : folder);
}

}  // namespace polytask::cli
