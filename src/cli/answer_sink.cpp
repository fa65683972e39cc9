#include "cli/answer_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
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

/// What stands at `path`, if anything, must be a plain file of one name: a link would lead somewhere else, a pipe wait.
void refuse_special(fs::path const& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return;
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
    throw Error(
        ErrorCode::InvalidUsage,
        fmt::format("{}: is a link, a device, a pipe or a folder; --resume writes plain files alone", path.string()));
}

/// The job and the input as it is now: a file that was changed is another.
std::string description(AnswerJob const& job) {
  std::error_code absent;
  auto const size = fs::file_size(job.input, absent);
  if (absent)
    throw Error(ErrorCode::NotFound, fmt::format("{}: cannot be opened ({})", job.input.string(), absent.message()));
  auto const changed = fs::last_write_time(job.input).time_since_epoch().count();
  return OrderedJson{{"model", job.model},
                     {"how", job.how},
                     {"input", fs::canonical(job.input).string()},
                     {"bytes", size},
                     {"changed", changed}}
             .dump() +
         "\n";
}

void check_input(AnswerJob const& job, std::string const& name) {
  std::error_code ignored;
  bool const streams = name == "-" || name == "/dev/stdout" || job.input.empty() || job.input == "-" ||
                       (fs::exists(job.input, ignored) && !fs::is_regular_file(job.input, ignored));
  if (streams)
    throw Error(ErrorCode::InvalidUsage,
                "--resume needs --input FILE and --output-file FILE: a stream cannot be continued");
  for (auto const* ending : {"", ".unfinished", ".unfinished.job"})
    if (fs::equivalent(job.input, name + ending, ignored))
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("--input {}: is where the answers would be written", quote(job.input.string())));
}

}  // namespace

AnswerSink::AnswerSink(std::string const& name) {
  if (name == "-" || name == "/dev/stdout") return;
  refuse_folder(name);
  file_.emplace(name);
}

AnswerSink::AnswerSink(std::string const& name, AnswerJob const& job) {
  refuse_folder(name);
  check_input(job, name);
  Unfinished unfinished{.target = name, .file = name + ".unfinished", .job = name + ".unfinished.job"};
  for (auto const& path : {unfinished.target, unfinished.file, unfinished.job}) refuse_special(path);
  unfinished_ = std::move(unfinished);
  open_unfinished(description(job));
  count_answers();
}

AnswerSink::~AnswerSink() {
  if (unfinished_ && unfinished_->descriptor >= 0) ::close(unfinished_->descriptor);
}

void AnswerSink::open_unfinished(std::string const& description) {
  auto& [target, file, job, descriptor] = *unfinished_;
  descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (descriptor < 0) fail(file, "opened");
  struct stat opened {
  }, named{};
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 || ::fstat(descriptor, &opened) != 0 ||
      ::stat(file.c_str(), &named) != 0 || opened.st_ino != named.st_ino)  // finished by another in between
    throw Error(ErrorCode::Conflict, fmt::format("{}: another process is writing it", file.string()));
  std::error_code absent;
  bool const has_job = opened.st_size > 0 && fs::exists(job, absent);  // one without answers was left by a kill
  auto const what_to_do = fmt::format("remove it and {} to begin anew", job.filename().string());
  if (!has_job && opened.st_size > 0)
    throw Error(ErrorCode::Conflict,
                fmt::format("{}: was not begun by `predict --resume`; {}", file.string(), what_to_do));
  if (has_job && read_file(job, 1 << 20) != description)
    throw Error(ErrorCode::Conflict,
                fmt::format("{}: was begun with another model, precision, tasks, --long-texts, format or input; {}",
                            file.string(), what_to_do));
  if (!has_job) write_file_atomically(job, description);
}

/// A line that was cut by the interruption is taken away; its row is answered again.
void AnswerSink::count_answers() {
  auto const& [target, file, job, descriptor] = *unfinished_;
  std::uintmax_t whole = 0, at = 0;
  std::string last;  // of the line: its first and last bytes say what it is, and an id may be any JSON
  std::string first;
  std::array<char, 1 << 16> buffer{};
  for (;;) {
    auto const n = ::read(descriptor, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(file, "read");
    if (n == 0) break;
    for (char const c : std::string_view(buffer.data(), static_cast<std::size_t>(n))) {
      ++at;
      if (c != '\n') {
        if (first.size() < 6) first += c;
        last = last.size() < 2 ? last + c : std::string{last[1], c};
        continue;
      }
      bool const is_error = last == "\"}";
      if (first != "{\"id\":" || (last != "}}" && !is_error))
        throw Error(ErrorCode::Corrupt, fmt::format("{}:{}: is not a line of answers; remove the file to begin anew",
                                                    file.string(), n_answered_ + 1));
      n_errors_ += is_error;
      ++n_answered_;
      whole = at;
      first.clear();
      last.clear();
    }
  }
  if (::ftruncate(descriptor, static_cast<off_t>(whole)) != 0) fail(file, "cut");
  if (::lseek(descriptor, 0, SEEK_END) < 0) fail(file, "continued");
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
  auto const& [target, file, job, descriptor] = *unfinished_;
  if (::fsync(descriptor) != 0) fail(file, "written");
  if (::rename(file.c_str(), target.c_str()) != 0) fail(target, "put in place");
  std::error_code ignored;
  fs::remove(job, ignored);
  auto const folder = target.parent_path();
  sync_folder(folder.empty() ? "." : folder);
}

}  // namespace polytask::cli
