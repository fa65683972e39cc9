// The outputs of a head -> what they say: probabilities, labels, numbers, spans.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model_folder.h"
#include "task/prediction.h"
#include "task/tagging.h"

namespace polytask::model {

/// logits: [outputs] of one text, for every type but tagging, span and multiple choice.
[[nodiscard]] task::Prediction decode_text(HeadSpec const& head, std::span<float const> logits);

/// logits: [choices] of one text, at least one. The softmax over them, whatever their number; of equal ones the first.
[[nodiscard]] task::ChoicePrediction decode_choices(HeadSpec const& head, std::span<float const> logits);

/// logits: [units, outputs]. The best sequence of tags in which an I follows a B or I of its own label (Viterbi over
/// the tags' log-probabilities with those transitions alone allowed); its spans, scored by the mean probability of
/// their tags.
[[nodiscard]] task::Prediction decode_units(HeadSpec const& head, std::span<task::TaggedUnit const> units,
                                            std::span<float const> logits);

/// The best valid tag sequence; log_probabilities: [units, tags], tags as in task::tags_of_units.
[[nodiscard]] std::vector<std::int32_t> best_valid_tags(std::span<float const> log_probabilities, std::size_t n_tags);

}  // namespace polytask::model
