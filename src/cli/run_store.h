// The runs of a project on disk: `.polytask/runs/<id>/` beside the project file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace polytask::cli {

enum class RunStatus { Running, Interrupted, Complete };  ///< interrupted: or killed

struct RunInfo {
  std::string id;
  std::filesystem::path folder;
  RunStatus status = RunStatus::Running;
  Json state;  ///< state.json
};

/// Letters, digits, ".", "_" and "-", not starting with "." or "-"; at most 100. Throws Error{InvalidUsage}.
void check_run_id(std::string const& id);

/// `<project folder>/.polytask/runs`.
[[nodiscard]] std::filesystem::path runs_folder(std::filesystem::path const& project_folder);

/// `<project folder>/.polytask/states`: what frozen layers make of the project's texts; all runs share it.
[[nodiscard]] std::filesystem::path states_folder(std::filesystem::path const& project_folder);
/// Where rows of training data that is too large for memory are kept as tokens.
[[nodiscard]] std::filesystem::path rows_folder(std::filesystem::path const& project_folder);

/// Nothing when there is no such run.
[[nodiscard]] std::optional<RunInfo> find_run(std::filesystem::path const& project_folder, std::string const& id);
/// Oldest first; folders that no run can be named like are not looked at.
[[nodiscard]] std::vector<RunInfo> list_runs(std::filesystem::path const& project_folder);
/// The named run, or the latest complete one for an empty name. Throws Error{NotFound} with what to do, Error{Conflict}
/// for a run that is not complete.
[[nodiscard]] RunInfo complete_run(std::filesystem::path const& project_folder, std::string const& id);

/// Throws Error{InvalidUsage} for a new folder inside the run: it would not be what was trained any more.
void refuse_inside_run(RunInfo const& run, std::filesystem::path const& folder);

void write_state(std::filesystem::path const& folder, OrderedJson const& state);
[[nodiscard]] std::string_view to_string(RunStatus status);

/// Held while a process writes a run; ends with the process, however it ends.
class RunLock {
 public:
  /// Throws Error{Conflict} when another process holds it.
  explicit RunLock(std::filesystem::path const& folder);
  ~RunLock();
  RunLock(RunLock const&) = delete;
  RunLock& operator=(RunLock const&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace polytask::cli
