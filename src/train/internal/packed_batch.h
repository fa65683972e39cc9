// A batch as the modules see it: from its tokens, or from what frozen layers have made of them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "data/batches.h"
#include "data/frozen_states.h"
#include "nn/packed.h"
#include "task/token_sequence.h"

namespace polytask::train {

/// Layers that a run does not train.
struct FrozenPart {
  std::int64_t n_layers = 0;
  data::FrozenStates states;
};

/// Borrowed from the features: one for each of their texts in a batch.
[[nodiscard]] std::vector<task::TokenSequence> sequences_of(data::Features const& features);

/// `texts`: those of the batch, in its order. With `frozen` they start above its layers.
[[nodiscard]] nn::PackedTexts packed_texts(data::Batch const& batch, std::span<task::TokenSequence const> texts,
                                           FrozenPart* frozen, torch::Device device);

}  // namespace polytask::train
