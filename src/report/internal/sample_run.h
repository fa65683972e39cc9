// Run folders as `train` leaves them, for tests and for looking at the page: no model, but every file that it shows.
#pragma once

#include <filesystem>

namespace polytask::report {

/// Seven tasks of every type, 600 steps, an evaluation every 60, scores on dev and test, misses.
void write_ordinary_run(std::filesystem::path const& folder);

/// What breaks pages: markup, quotes, invisible and right-to-left characters in every name and text, 30 tasks, 151
/// labels, very long texts and words, undefined scores and losses, tasks without dev or test rows.
void write_hostile_run(std::filesystem::path const& folder);

/// Stopped half way: no result, no scores, and a last line of metrics.jsonl that a kill cut.
void write_interrupted_run(std::filesystem::path const& folder);

}  // namespace polytask::report
