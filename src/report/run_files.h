// A run folder -> what its page shows.
#pragma once

#include <filesystem>

#include "report/run_page.h"

namespace polytask::report {

/// Reads config.json and whatever there is of environment.json, state.json, result.json, scores.json, metrics.jsonl and
/// misses.jsonl: an interrupted run has a page too. A last line of metrics.jsonl that was cut by a kill is left out.
/// Throws Error{NotFound} without config.json, Error{Corrupt} naming file, line and key for a file that is not what
/// `train` writes.
[[nodiscard]] RunPageData read_run(std::filesystem::path const& run_folder);

}  // namespace polytask::report
