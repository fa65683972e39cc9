// Fully connected layers over packed rows, forward and backward: y = x W^T + b.
// Products in float32 run on oneDNN, which writes its code for the processor it finds at run time, so a new one is
// never taken for an old one. Its C interface `dnnl_sgemm` is the same in all versions (2.6 and 3.7 are tried). Those
// in bfloat16, for which it has no such interface, are our own (internal/packed_product.h); x, weight and gradients are
// rounded as they are read, and all that is written is float32.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/precision.h"

namespace polytask::kernels {

/// Rows of y may lie `row_stride` floats apart, so that layers that read the same x can fill one array side by side
/// (query, key and value).
struct LinearShape {
  std::int64_t n_rows = 0;
  std::int64_t n_in = 0;
  std::int64_t n_out = 0;
  std::int64_t row_stride = 0;               ///< of y and its gradient; >= n_out
  Precision precision = Precision::Float32;  ///< not Int8
};

enum class Write { Replace, Add };

/// x: [n_rows, n_in]; weight: [n_out, n_in]; bias: [n_out]; y: [n_rows, n_out] with the stride. All shapes >= 0.
void linear_forward(LinearShape const& shape, float const* x, float const* weight, float const* bias, float* y);

/// grad_x: [n_rows, n_in]; replaced, or added to.
void linear_backward_input(LinearShape const& shape, float const* grad_y, float const* weight, Write write,
                           float* grad_x);

/// grad_weight: [n_out, n_in] and grad_bias: [n_out], both replaced.
void linear_backward_weight(LinearShape const& shape, float const* x, float const* grad_y, float* grad_weight,
                            float* grad_bias);

/// "3.7.0": of the oneDNN that is loaded, which may be another than the one built with.
[[nodiscard]] std::string onednn_version();

}  // namespace polytask::kernels
