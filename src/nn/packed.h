// A batch of texts as the modules see it: tokens one after another, no padding, no mask.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "kernels/dropout.h"
#include "kernels/precision.h"

namespace polytask::nn {

struct PackedTexts {
  torch::Tensor ids;                  ///< [tokens] int64
  torch::Tensor positions;            ///< [tokens] int64, from 0 in each sequence
  torch::Tensor type_ids;             ///< [tokens] int64
  std::vector<std::int32_t> offsets;  ///< texts + 1 entries; text t owns tokens [offsets[t], offsets[t+1])
  std::vector<std::int32_t>
      second_text;  ///< by text: the token where a pair's second text begins; unused for single texts
  std::vector<std::int32_t> sequences;  ///< bounds that attention stays inside, `offsets` and more; empty = `offsets`
  torch::Tensor states = {};       ///< [tokens, hidden]: what the embeddings and the first layers make of the tokens;
                                   ///< undefined = they are still to do it
  std::int64_t n_layers_done = 0;  ///< how many layers that were, where there are states
  [[nodiscard]] std::vector<std::int32_t> const& attended() const { return sequences.empty() ? offsets : sequences; }
  [[nodiscard]] std::int64_t n_texts() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

/// How one pass through the model is made: with or without dropout, and what its linear layers multiply in. Every site
/// of dropout of every step has a seed of its own, so that a step can be repeated exactly, by the backward and by a
/// resumed run.
class Pass {
 public:
  /// Evaluation: no dropout, float32.
  Pass() = default;
  /// A step of training. `products`: of the encoder's layers, forward and backward; heads stay in float32.
  explicit Pass(std::uint64_t step_seed, kernels::Precision products = kernels::Precision::Float32)
      : training_(true), seed_(step_seed), products_(products) {}

  /// Of the next site of this pass; inactive in evaluation.
  kernels::Dropout next_dropout(double rate) {
    if (!training_ || rate <= 0) return {};
    return {static_cast<float>(rate), kernels::seed_of_site(seed_, ++n_sites_)};
  }
  [[nodiscard]] kernels::Precision products() const noexcept { return products_; }

 private:
  bool training_ = false;
  std::uint64_t seed_ = 0;
  std::uint64_t n_sites_ = 0;
  kernels::Precision products_ = kernels::Precision::Float32;
};

}  // namespace polytask::nn
