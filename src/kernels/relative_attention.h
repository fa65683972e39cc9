// Self-attention over packed texts whose scores also depend on how far two tokens are apart.
// Method: disentangled attention (He et al. 2021, arXiv:2006.03654, section 3.1, eq. 4): with queries Q, keys K and the
// distances' own keys and queries PK and PQ, which they get from a table that all layers share,
//   score(i, j) = (Q_i K_j + Q_i PK_row(i - j) + K_j PQ_row(i - j)) / sqrt(terms * head size).
// We differ from the reference in memory alone: what the distances add is computed a block of queries at a time, from
// tables that are laid out by distance once for each head of a text; nothing grows with the square of a text's length.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/attention.h"

namespace polytask::kernels {

/// Which row of a table of distances, [2 span, ...], a distance has.
struct RelativeRows {
  std::int64_t span = 0;
  std::int64_t buckets = 0;   ///< 0 = every distance from -span to span - 1 has its own
  std::int64_t farthest = 0;  ///< with buckets: the distance of the last one
};
/// `distance`: place of the query minus place of the key. Half of the buckets hold one distance each, the others grow
/// with its logarithm.
[[nodiscard]] std::int64_t relative_row(RelativeRows const& rows, std::int64_t distance);

/// Rows of the distances longest - 1, ..., 0, ..., -(longest - 1).
[[nodiscard]] std::vector<std::int32_t> rows_by_distance(RelativeRows const& rows, std::int64_t longest);
/// Of these, the part that a text of `n` tokens has.
[[nodiscard]] inline std::int32_t const* rows_of_text(std::vector<std::int32_t> const& rows, std::int64_t n) {
  return rows.data() + (static_cast<std::int64_t>(rows.size()) + 1) / 2 - n;
}

struct RelativeShape {
  AttentionShape texts;  ///< without a reach
  RelativeRows rows;
};

/// [2 span, hidden] each; null = the scores do not have that term.
template <typename Value>
struct RelativeTables {
  Value* keys = nullptr;     ///< PK
  Value* queries = nullptr;  ///< PQ
};

/// As attention_forward.
void relative_attention_forward(RelativeShape const& shape, Dropout const& dropout, float const* qkv,
                                RelativeTables<float const> const& tables, float* context, float* log_sum_exp);

/// As attention_backward; grad_tables, where there are tables, are written too. The same result for any number of
/// threads.
void relative_attention_backward(RelativeShape const& shape, Dropout const& dropout, float const* qkv,
                                 RelativeTables<float const> const& tables, float const* context,
                                 float const* log_sum_exp, float const* grad_context, float* grad_qkv,
                                 RelativeTables<float> const& grad_tables);

}  // namespace polytask::kernels
