// Choices without an encoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "eval/baselines.h"

namespace polytask::eval {

/// `known`: rows of `train` that carry a label. The place that is most often right among those that a row has.
[[nodiscard]] std::vector<task::Prediction> most_common_place(LabelledRows const& train,
                                                              std::vector<std::size_t> const& known,
                                                              std::span<task::Example const* const> rows);

/// A linear model scores the words of the text and one choice, as of a pair (WordFeatures); the softmax over a row's
/// choices says which is right. Which place a choice has it does not know.
[[nodiscard]] std::vector<task::Prediction> words_of_choices(LabelledRows const& train,
                                                             std::vector<std::size_t> const& known,
                                                             std::span<task::Example const* const> rows,
                                                             std::uint64_t seed);

}  // namespace polytask::eval
