// The end of each half of a Transformer layer in one pass: LayerNorm(dropout(x) + residual).
// Method: layer normalisation (Ba et al. 2016, arXiv:1607.06450), biased variance, as in BERT.
#pragma once

#include <cstdint>

#include "kernels/dropout.h"

namespace polytask::kernels {

struct RowsShape {
  std::int64_t n_rows = 0;
  std::int64_t width = 0;
};

/// x, residual, sum, y: [n_rows, width]; gamma, beta: [width]; mean, inverse_deviation: [n_rows].
/// Writes sum = dropout(x) + residual (may alias x), its row statistics, and y. `residual` may be null (zero).
void add_layer_norm_forward(RowsShape const& shape, Dropout const& dropout, float epsilon, float const* x,
                            float const* residual, float const* gamma, float const* beta, float* sum, float* mean,
                            float* inverse_deviation, float* y);

/// grad_x and grad_residual: [n_rows, width], written (they differ only by the dropout; grad_x may be null when the
/// dropout is not active); grad_gamma, grad_beta: [width], written. Same bits for any number of threads.
void add_layer_norm_backward(RowsShape const& shape, Dropout const& dropout, float const* sum, float const* mean,
                             float const* inverse_deviation, float const* gamma, float const* grad_y, float* grad_x,
                             float* grad_residual, float* grad_gamma, float* grad_beta);

/// y = dropout(x), element by element; the backward is the same call on the gradient. May alias.
void dropout_apply(std::int64_t n, Dropout const& dropout, float const* x, float* y);

}  // namespace polytask::kernels
