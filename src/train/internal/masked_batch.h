// Sequences with hidden words, packed as an encoder reads them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "data/language_sequences.h"
#include "nn/packed.h"

namespace polytask::train {

class MaskedBatch {
 public:
  void add(data::MaskedSequence const& sequence);
  /// One that hides nothing.
  void add(std::span<std::int32_t const> ids);

  [[nodiscard]] std::int64_t n_tokens() const noexcept { return static_cast<std::int64_t>(ids_.size()); }
  /// Of the hidden words: what stands there.
  [[nodiscard]] std::vector<std::int64_t> const& targets() const noexcept { return targets_; }
  /// Of the hidden words: their tokens in the batch.
  [[nodiscard]] torch::Tensor hidden_words(torch::Device device) const;
  [[nodiscard]] nn::PackedTexts texts(torch::Device device) const;

 private:
  std::vector<std::int64_t> ids_, positions_, hidden_words_, targets_;
  std::vector<std::int32_t> offsets_{0};
};

}  // namespace polytask::train
