#include "kernels/normalization.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

/// Rows whose gradients of gamma and beta are added up together; fixed, so that the sum's order never changes.
constexpr std::int64_t kRowsPerChunk = 64;

POLYTASK_SIMD_CLONES void drop(std::int64_t first, std::int64_t n, Dropout const& dropout, float const* x, float* y) {
  std::uint32_t const threshold = dropout.threshold();
  float const scale = dropout.scale();
  for (std::int64_t i = 0; i < n; ++i)
    y[i] = dropout_bits(dropout.seed, static_cast<std::uint32_t>(first + i)) < threshold ? 0.0F : x[i] * scale;
}

POLYTASK_SIMD_CLONES void forward_row(std::int64_t width, float epsilon, float const* sum, float const* gamma,
                                      float const* beta, float* mean, float* inverse_deviation, float* y) {
  float total = 0.0F;
  for (std::int64_t i = 0; i < width; ++i) total += sum[i];
  float const average = total / static_cast<float>(width);
  float squares = 0.0F;
  for (std::int64_t i = 0; i < width; ++i) squares += (sum[i] - average) * (sum[i] - average);
  float const inverse = 1.0F / std::sqrt(squares / static_cast<float>(width) + epsilon);
  for (std::int64_t i = 0; i < width; ++i) y[i] = (sum[i] - average) * inverse * gamma[i] + beta[i];
  *mean = average;
  *inverse_deviation = inverse;
}

POLYTASK_SIMD_CLONES void backward_row(std::int64_t width, float const* sum, float average, float inverse,
                                       float const* gamma, float const* grad_y, float* grad_sum, float* grad_gamma,
                                       float* grad_beta) {
  float mean_grad = 0.0F;
  float mean_grad_normal = 0.0F;
  for (std::int64_t i = 0; i < width; ++i) {
    float const normal = (sum[i] - average) * inverse;
    float const grad = grad_y[i] * gamma[i];
    mean_grad += grad;
    mean_grad_normal += grad * normal;
    grad_gamma[i] += grad_y[i] * normal;
    grad_beta[i] += grad_y[i];
  }
  mean_grad /= static_cast<float>(width);
  mean_grad_normal /= static_cast<float>(width);
  for (std::int64_t i = 0; i < width; ++i) {
    float const normal = (sum[i] - average) * inverse;
    grad_sum[i] = inverse * (grad_y[i] * gamma[i] - mean_grad - normal * mean_grad_normal);
  }
}

}  // namespace

void add_layer_norm_forward(RowsShape const& shape, Dropout const& dropout, float epsilon, float const* x,
                            float const* residual, float const* gamma, float const* beta, float* sum, float* mean,
                            float* inverse_deviation, float* y) {
  std::int64_t const width = shape.width;
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < shape.n_rows; ++row) {
    std::int64_t const at = row * width;
    if (dropout.active())
      drop(at, width, dropout, x + at, sum + at);
    else if (sum != x)
      std::copy_n(x + at, width, sum + at);
    if (residual != nullptr)
      for (std::int64_t i = 0; i < width; ++i) sum[at + i] += residual[at + i];
    forward_row(width, epsilon, sum + at, gamma, beta, mean + row, inverse_deviation + row, y + at);
  }
}

void add_layer_norm_backward(RowsShape const& shape, Dropout const& dropout, float const* sum, float const* mean,
                             float const* inverse_deviation, float const* gamma, float const* grad_y, float* grad_x,
                             float* grad_residual, float* grad_gamma, float* grad_beta) {
  std::int64_t const width = shape.width;
  std::int64_t const n_chunks = (shape.n_rows + kRowsPerChunk - 1) / kRowsPerChunk;
  std::vector<float> partial(static_cast<std::size_t>(2 * n_chunks * width), 0.0F);
#pragma omp parallel for schedule(static)
  for (std::int64_t chunk = 0; chunk < n_chunks; ++chunk) {
    float* const gamma_part = partial.data() + 2 * chunk * width;
    float* const beta_part = gamma_part + width;
    std::int64_t const last = std::min(shape.n_rows, (chunk + 1) * kRowsPerChunk);
    for (std::int64_t row = chunk * kRowsPerChunk; row < last; ++row) {
      std::int64_t const at = row * width;
      backward_row(width, sum + at, mean[row], inverse_deviation[row], gamma, grad_y + at, grad_residual + at,
                   gamma_part, beta_part);
      if (dropout.active()) drop(at, width, dropout, grad_residual + at, grad_x + at);
    }
  }
  std::fill_n(grad_gamma, width, 0.0F);
  std::fill_n(grad_beta, width, 0.0F);
  for (std::int64_t chunk = 0; chunk < n_chunks; ++chunk) {
    float const* const gamma_part = partial.data() + 2 * chunk * width;
    for (std::int64_t i = 0; i < width; ++i) {
      grad_gamma[i] += gamma_part[i];
      grad_beta[i] += gamma_part[width + i];
    }
  }
}

void dropout_apply(std::int64_t n, Dropout const& dropout, float const* x, float* y) {
  constexpr std::int64_t kChunk = 16'384;
#pragma omp parallel for schedule(static)
  for (std::int64_t at = 0; at < n; at += kChunk) drop(at, std::min(kChunk, n - at), dropout, x + at, y + at);
}

}  // namespace polytask::kernels
