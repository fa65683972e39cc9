#include "cli/run_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest.h"
#include "model/new_folder.h"
#include "model/package.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestId = 100;
constexpr auto kLock = "lock";

/// Of the whole file. The lock belongs to the open file, so it ends with the process, and whether there is one can be
/// asked without taking it.
struct ::flock whole_file() {
  struct ::flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool is_locked(fs::path const& file) {
  int const descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  auto lock = whole_file();
  bool const unknown = ::fcntl(descriptor, F_OFD_GETLK, &lock) != 0;
  ::close(descriptor);
  return unknown || lock.l_type != F_UNLCK;
}

/// A run that says it is running, and that no process writes, was killed.
RunStatus status_of(Json const& state, fs::path const& folder) {
  auto const word = state.value("status", "");
  if (word == "complete") return RunStatus::Complete;
  return word != "interrupted" && is_locked(folder / kLock) ? RunStatus::Running : RunStatus::Interrupted;
}

bool is_state(Json const& json) {
  if (!json.is_object()) return false;
  for (auto const* key : {"status", "started"})
    if (json.contains(key) && !json[key].is_string()) return false;
  return !json.contains("seconds") || json["seconds"].is_number();
}

bool is_run_id(std::string const& id) {
  return !id.empty() && id.size() <= kLongestId && id.front() != '.' && id.front() != '-' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

}  // namespace

std::string_view to_string(RunStatus status) {
  switch (status) {
    case RunStatus::Running: return "running";
    case RunStatus::Interrupted: return "interrupted";
    case RunStatus::Complete: return "complete";
  }
  return "";
}

void check_run_id(std::string const& id) {
  if (!is_run_id(id))
    throw Error(ErrorCode::InvalidUsage, fmt::format("the run name {} cannot be used; expected up to {} letters, "
                                                     "digits, \".\", \"_\" and \"-\", not starting with \".\" or \"-\"",
                                                     quote(id), kLongestId));
}

fs::path runs_folder(fs::path const& project_folder) { return project_folder / ".polytask" / "runs"; }

fs::path states_folder(fs::path const& project_folder) { return project_folder / ".polytask" / "states"; }

fs::path rows_folder(fs::path const& project_folder) { return project_folder / ".polytask" / "rows"; }

std::optional<RunInfo> find_run(fs::path const& project_folder, std::string const& id) {
  check_run_id(id);
  auto const folder = runs_folder(project_folder) / id;
  auto const state = folder / "state.json";
  if (!fs::exists(state)) return std::nullopt;
  RunInfo info{.id = id, .folder = folder, .state = parse_json(read_file(state, 1 << 24), state.string()).value()};
  if (!is_state(info.state))
    throw Error(ErrorCode::Corrupt, fmt::format("{}: is not a run's state; remove the run's folder", state.string()));
  info.status = status_of(info.state, folder);
  return info;
}

std::vector<RunInfo> list_runs(fs::path const& project_folder) {
  std::vector<RunInfo> runs;
  std::error_code failed;
  for (auto const& entry : fs::directory_iterator(runs_folder(project_folder), failed)) {
    auto const name = entry.path().filename().string();
    if (!is_run_id(name) || !entry.is_directory()) continue;
    if (auto run = find_run(project_folder, name)) runs.push_back(std::move(*run));
  }
  std::sort(runs.begin(), runs.end(), [](auto const& a, auto const& b) {
    return std::pair(a.state.value("started", ""), a.id) < std::pair(b.state.value("started", ""), b.id);
  });
  return runs;
}

RunInfo complete_run(fs::path const& project_folder, std::string const& id) {
  if (id.empty()) {
    auto const runs = list_runs(project_folder);
    for (auto run = runs.rbegin(); run != runs.rend(); ++run)
      if (run->status == RunStatus::Complete) return *run;
    throw Error(ErrorCode::NotFound, fmt::format("{}: has no complete run yet; `polytask train` makes one",
                                                 runs_folder(project_folder).string()));
  }
  auto run = find_run(project_folder, id);
  if (!run) {
    std::vector<std::string> names;
    for (auto const& known : list_runs(project_folder)) names.push_back(known.id);
    throw Error(ErrorCode::NotFound, fmt::format("there is no run {} in {}{}", quote(id),
                                                 runs_folder(project_folder).string(), did_you_mean(id, names)));
  }
  if (run->status != RunStatus::Complete)
    throw Error(
        ErrorCode::Conflict,
        fmt::format("the run {} is not complete; continue it with `polytask train --run {} --resume`", quote(id), id));
  return *run;
}

void refuse_inside_run(RunInfo const& run, fs::path const& folder) {
  model::refuse_inside_sources(model::new_folder_name(folder), {run.folder});
}

void write_state(fs::path const& folder, OrderedJson const& state) {
  write_file_atomically(folder / "state.json", state.dump(1) + "\n");
}

RunLock::RunLock(fs::path const& folder) {
  auto const path = folder / kLock;
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    throw Error(ErrorCode::Unavailable, fmt::format("{}: cannot be opened ({})", path.string(), std::strerror(errno)));
  auto lock = whole_file();
  if (::fcntl(descriptor_, F_OFD_SETLK, &lock) != 0) {
    ::close(descriptor_);
    throw Error(
        ErrorCode::Conflict,
        fmt::format("{}: another process is training this run; wait for it, or choose another --run", folder.string()));
  }
}

RunLock::~RunLock() { ::close(descriptor_); }

}  // namespace polytask::cli
