// Self-attention over packed texts whose scores also depend on how far two tokens are apart.
// Method: disentangled attention (He et al. 2021, arXiv:2006.03654, section 3.1, eq. 4): with queries Q, keys K and the
// distances' own keys and queries PK and PQ, which they get from a table that all layers share,
//   score(i, j) = (Q_i K_j + Q_i PK_row(i - j) + K_j PQ_row(i - j)) / sqrt(terms * head size).
// We differ from the reference in memory alone: what the distances add is computed a block of queries at a time, from
// tables that are laid out by distance once for each head of a text; nothing grows with the square of a text's length.
#pragma once

#include "kernels/attention.h"
#include "kernels/relative_rows.h"

namespace polytask::kernels {

struct RelativeShape {
  AttentionShape texts;  ///< without a reach
  RelativeRows rows;
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
