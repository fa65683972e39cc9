// Self-attention over packed texts: the tokens of a batch lie one after another, no padding is computed.
// Method: softmax(Q K^T / sqrt(d)) V per text and head (Vaswani et al. 2017, arXiv:1706.03762, eq. 1). The backward
// recomputes the probabilities from the saved log-sum-exp (Dao et al. 2022, arXiv:2205.14135, section 3.1), so memory
// grows with tokens, not with their square. A window (Beltagy et al. 2020, arXiv:2004.05150, section 3.1, without
// global tokens) also makes time grow with tokens alone.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/dropout.h"

namespace polytask::kernels {

/// Shape of a packed attention. `offsets` has n_texts + 1 ascending entries; text t owns tokens
/// [offsets[t], offsets[t+1]); the last is the number of tokens.
struct AttentionShape {
  std::span<std::int32_t const> offsets;
  std::int64_t hidden = 0;  ///< heads * head size
  std::int64_t heads = 0;
  std::int64_t reach = 0;  ///< a token sees the tokens at most so many places away; 0 = all of its text
};

/// qkv:          [tokens, 3 * hidden], query, key and value of a token beside one another
/// context:      [tokens, hidden], written
/// log_sum_exp:  [tokens, heads], written; needed by the backward
/// Dropout acts on the probabilities.
void attention_forward(AttentionShape const& shape, Dropout const& dropout, float const* qkv, float* context,
                       float* log_sum_exp);

/// grad_context: [tokens, hidden]; context and log_sum_exp as the forward wrote them; grad_qkv: [tokens, 3 * hidden],
/// written. The same result for any number of threads.
void attention_backward(AttentionShape const& shape, Dropout const& dropout, float const* qkv, float const* context,
                        float const* log_sum_exp, float const* grad_context, float* grad_qkv);

}  // namespace polytask::kernels
