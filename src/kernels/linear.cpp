#include "kernels/linear.h"

#include <algorithm>
#include <new>

#include "base/error.h"
#include "kernels/internal/onednn.h"
#include "kernels/internal/packed_product.h"
#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

/// Columns whose bias gradients one thread adds up; the sum over rows is always in the same order.
constexpr std::int64_t kColumnsPerChunk = 128;

struct Matrix {
  float const* values;
  std::int64_t row_stride;
  char transposed;  ///< 'T' or 'N', as in BLAS
};

/// c = a b (+ c), row-major; c: [m, n], the inner dimension is k.
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, Write write, float* c,
              std::int64_t c_stride) {
  if (m == 0 || n == 0) return;
  if (k == 0) {  // a sum of nothing, which the library refuses
    for (std::int64_t row = 0; row < m && write == Write::Replace; ++row) std::fill_n(c + row * c_stride, n, 0.0F);
    return;
  }
  auto const status = onednn().sgemm(a.transposed, b.transposed, m, n, k, 1.0F, a.values, a.row_stride, b.values,
                                     b.row_stride, write == Write::Add ? 1.0F : 0.0F, c, c_stride);
  if (status == dnnl_out_of_memory) throw std::bad_alloc();
  expects(status == dnnl_success, "the sizes of a matrix product fit one another");
}

POLYTASK_SIMD_CLONES void add_rows(std::int64_t n_rows, std::int64_t row_stride, std::int64_t n_columns,
                                   float const* rows, float* __restrict sums) {
  std::fill_n(sums, n_columns, 0.0F);
  for (std::int64_t row = 0; row < n_rows; ++row)
    for (std::int64_t i = 0; i < n_columns; ++i) sums[i] += rows[row * row_stride + i];
}

}  // namespace

void linear_forward(LinearShape const& shape, float const* x, float const* weight, float const* bias, float* y) {
  if (shape.precision != Precision::Float32) {
    packed_product(shape.precision, {shape.n_rows, shape.n_out, shape.n_in}, {x, shape.n_in}, {weight, shape.n_in},
                   bias, Write::Replace, y, shape.row_stride);
    return;
  }
  // The product is added to rows that hold the bias: one pass less than adding the bias afterwards.
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < shape.n_rows; ++row) std::copy_n(bias, shape.n_out, y + row * shape.row_stride);
  multiply(shape.n_rows, shape.n_out, shape.n_in, {x, shape.n_in, 'N'}, {weight, shape.n_in, 'T'}, Write::Add, y,
           shape.row_stride);
}

void linear_backward_input(LinearShape const& shape, float const* grad_y, float const* weight, Write write,
                           float* grad_x) {
  if (shape.precision != Precision::Float32)
    return packed_product(shape.precision, {shape.n_rows, shape.n_in, shape.n_out}, {grad_y, shape.row_stride},
                          {weight, shape.n_in, true}, nullptr, write, grad_x, shape.n_in);
  multiply(shape.n_rows, shape.n_in, shape.n_out, {grad_y, shape.row_stride, 'N'}, {weight, shape.n_in, 'N'}, write,
           grad_x, shape.n_in);
}

void linear_backward_weight(LinearShape const& shape, float const* x, float const* grad_y, float* grad_weight,
                            float* grad_bias) {
  if (shape.precision != Precision::Float32)
    packed_product(shape.precision, {shape.n_out, shape.n_in, shape.n_rows}, {grad_y, shape.row_stride, true},
                   {x, shape.n_in, true}, nullptr, Write::Replace, grad_weight, shape.n_in);
  else
    multiply(shape.n_out, shape.n_in, shape.n_rows, {grad_y, shape.row_stride, 'T'}, {x, shape.n_in, 'N'},
             Write::Replace, grad_weight, shape.n_in);
#pragma omp parallel for schedule(static)
  for (std::int64_t at = 0; at < shape.n_out; at += kColumnsPerChunk)
    add_rows(shape.n_rows, shape.row_stride, std::min(kColumnsPerChunk, shape.n_out - at), grad_y + at, grad_bias + at);
}

std::string onednn_version() {
  auto const& version = *onednn().version();
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
}

}  // namespace polytask::kernels
