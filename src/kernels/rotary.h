// Rotary positions: the query and key of a token are turned by angles that grow with its place, so that their products
// depend on how far two tokens are apart.
// Method: Su et al. 2021 (arXiv:2104.09864), section 3.2.2, with entry k beside entry k + head size / 2, as the
// published checkpoints of ModernBERT have them. Turning back by the same angles is the backward.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace polytask::kernels {

/// Cosines and sines of the angles place * theta^(-2k / head size), k < head size / 2. Immutable.
class RotaryTable {
 public:
  /// For places 0 .. n_places - 1. `head_size` is even.
  RotaryTable(std::int64_t n_places, std::int64_t head_size, double theta);
  [[nodiscard]] std::int64_t head_size() const noexcept { return head_size_; }
  [[nodiscard]] std::int64_t n_places() const noexcept { return n_places_; }
  /// [head size / 2]
  [[nodiscard]] float const* cosines(std::int64_t place) const { return cosines_.data() + place * head_size_ / 2; }
  [[nodiscard]] float const* sines(std::int64_t place) const { return sines_.data() + place * head_size_ / 2; }

 private:
  std::int64_t n_places_;
  std::int64_t head_size_;
  std::vector<float> cosines_, sines_;
};

enum class Turn { Forth, Back };

/// Turns the first `n_heads` heads of a row, in place. Single-threaded.
void rotate_heads(RotaryTable const& table, std::int64_t place, std::int64_t n_heads, Turn turn, float* row);
/// The same on bfloat16; computed in float32.
void rotate_heads(RotaryTable const& table, std::int64_t place, std::int64_t n_heads, std::uint16_t* row);

/// rows: [tokens, stride], of which the first `n_heads` heads are turned, in place; a token's place counts from the
/// beginning of its text, which `offsets` bounds.
void rotate_texts(RotaryTable const& table, std::span<std::int32_t const> offsets, std::int64_t n_heads,
                  std::int64_t stride, Turn turn, float* rows);

}  // namespace polytask::kernels
