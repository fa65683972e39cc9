// What a task reaches without an encoder, on the rows that a run was scored on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "data/corpus.h"

namespace polytask::cli {

/// Primary metric of the task; NaN where it is undefined (a constant answer has no correlation).
struct BaselineScores {
  double majority = 0;
  double bag_of_words = 0;
};

/// Learns both baselines from the training rows of a task and scores them on a split. `rows`: "file:line" of the rows
/// that the run answered, in its order. Throws Error{Conflict} when the split now holds others.
[[nodiscard]] BaselineScores baseline_scores(data::Corpus const& corpus, std::size_t task, data::Split split,
                                             std::span<std::string const> rows, std::uint64_t seed);

}  // namespace polytask::cli
