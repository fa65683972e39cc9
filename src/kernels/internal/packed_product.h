// Products of matrices that change with every step of training: both are packed anew, then multiplied as packed layers
// are (kernels/packed_linear.h).
#pragma once

#include <cstdint>

#include "kernels/linear.h"
#include "kernels/packed_linear.h"

namespace polytask::kernels {

/// One side of a product, [rows, inner]: element (i, k) is values[i * stride + k], or, `transposed`,
/// values[k * stride + i].
struct Operand {
  float const* values = nullptr;
  std::int64_t stride = 0;
  bool transposed = false;
};

struct ProductShape {
  std::int64_t m = 0, n = 0, k = 0;
};

/// c = a b^T (+ bias) (+ c); a: [m, k]; b: [n, k]; bias: [n] or null; c: [m, n] with its stride. Operands are rounded
/// to `precision` (not int8) as they are packed, sums are float32. The same bits for any number of threads.
void packed_product(Precision precision, ProductShape const& shape, Operand const& a, Operand const& b,
                    float const* bias, Write write, float* c, std::int64_t c_stride);

}  // namespace polytask::kernels
