// Self-attention of one text without gradients: chosen queries over all its keys. Single-threaded.
// Method: softmax(Q K^T / sqrt(d)) V for each head (Vaswani et al. 2017, arXiv:1706.03762, eq. 1).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/packed_linear.h"
#include "kernels/relative_rows.h"

namespace polytask::kernels {

/// What the distances between tokens add to the scores (kernels/relative_attention.h, where the method stands).
struct TextDistances {
  RelativeTables<float const> tables;  ///< rows `stride` floats apart, heads side by side
  std::int64_t stride = 0;
  std::int32_t const* rows = nullptr;  ///< of the tables, by distance: n_keys - 1, ..., 0, ..., -(n_keys - 1)
};

/// Rows of float or of bfloat16 (std::uint16_t) may stand in wider rows; strides count elements. hidden = heads * head
/// size.
template <typename Value>
struct TextAttention {
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t n_queries = 0;
  Value const* queries = nullptr;
  std::int64_t query_stride = 0;
  std::int64_t n_keys = 0;
  Value const* keys = nullptr;  ///< values stand beside them, `hidden` further on
  std::int64_t key_stride = 0;
  Value* context = nullptr;              ///< [n_queries, hidden], written
  std::int32_t const* places = nullptr;  ///< of the queries among the keys; null = 0, 1, ...
  std::int64_t reach = 0;                ///< a query sees the keys at most so many places away; 0 = all
  TextDistances const* distances = nullptr;
  [[nodiscard]] std::int64_t place(std::int64_t query) const { return places != nullptr ? places[query] : query; }
};

/// What a call needs to work in; grows to the longest text it meets.
using AttentionScratch = std::vector<float>;

/// Writes the contexts of heads [first_head, last_head). A query's context depends on the text alone, not on which
/// other queries are chosen.
void attend(TextAttention<float> const& text, std::int64_t first_head, std::int64_t last_head,
            AttentionScratch& scratch);
/// The same with products of bfloat16 where the instructions have them, of floats elsewhere, in a window and with
/// distances; sums are float32.
void attend(TextAttention<std::uint16_t> const& text, std::int64_t first_head, std::int64_t last_head,
            AttentionScratch& scratch, InstructionSet instructions = detected_instructions());

}  // namespace polytask::kernels
