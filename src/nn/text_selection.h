// Some texts of a packed batch as a batch of their own.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "nn/packed.h"

namespace polytask::nn {

/// Knows where the chosen texts of a batch and their tokens went. Choosing all of them copies no states.
class TextSelection {
 public:
  /// chosen: by text of the batch; at least one.
  TextSelection(PackedTexts const& batch, std::vector<bool> const& chosen);

  /// Rows of the chosen texts' tokens, in the order of the batch: [tokens of the batch, n] -> [tokens, n].
  [[nodiscard]] torch::Tensor of(torch::Tensor const& states) const;
  [[nodiscard]] std::vector<std::int32_t> const& offsets() const noexcept { return offsets_; }
  [[nodiscard]] std::vector<std::int32_t> const& second_text() const noexcept { return second_text_; }
  /// Bounds that attention stays inside.
  [[nodiscard]] std::vector<std::int32_t> const& sequences() const noexcept { return sequences_; }
  /// The new indices of chosen texts, or of tokens of theirs.
  [[nodiscard]] std::vector<std::int64_t> texts(std::vector<std::int64_t> const& of_batch) const;
  [[nodiscard]] std::vector<std::int64_t> tokens(std::vector<std::int64_t> const& of_batch) const;

 private:
  bool whole_ = true;
  std::vector<std::int64_t> kept_;  ///< tokens of the batch
  std::vector<std::int32_t> offsets_{0};
  std::vector<std::int32_t> second_text_;
  std::vector<std::int32_t> sequences_{0};
  std::vector<std::int64_t> text_at_, token_at_;  ///< by text and by token of the batch; -1 = not chosen
};

}  // namespace polytask::nn
