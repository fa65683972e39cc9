// Answers to questions without an encoder.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "eval/baselines.h"

namespace polytask::eval {

/// `known`: rows of `train` that carry a label. No answer where most of them have none, else the first words of the
/// context, as many as the median answer has.
[[nodiscard]] std::vector<task::Prediction> first_words(LabelledRows const& train,
                                                        std::vector<std::size_t> const& known,
                                                        std::span<task::Example const* const> rows);

/// The same number of words, where the context has the question's words nearest to them and none of them within; a word
/// counts by how few training contexts have it. The sliding window of Richardson et al. 2013 (MCTest), which SQuAD's
/// paper takes for a baseline too; where we differ: nearer words count more.
[[nodiscard]] std::vector<task::Prediction> words_beside_the_question(LabelledRows const& train,
                                                                      std::vector<std::size_t> const& known,
                                                                      std::span<task::Example const* const> rows);

}  // namespace polytask::eval
