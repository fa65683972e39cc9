#include "kernels/activation.h"

#include <algorithm>
#include <cmath>

#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kChunk = 16'384;

struct Normal {
  float distribution;  ///< Phi(x)
  float density;       ///< phi(x)
};

/// Method: the tail of Phi as a polynomial in 1 / (1 + p |x| / sqrt 2) times the density (Abramowitz and Stegun 1964,
/// formula 7.1.26); one exponential serves both values.
[[gnu::always_inline]] inline Normal normal(float x) {
  float const exponential = exp_nonpositive(-0.5F * x * x);
  float const t = 1.0F / (1.0F + 0.3275911F * 0.70710678F * std::abs(x));
  float const polynomial =
      ((((1.061405429F * t - 1.453152027F) * t + 1.421413741F) * t - 0.284496736F) * t + 0.254829592F) * t;
  float const tail = 0.5F * polynomial * exponential;
  // Without a branch, which would keep the loops from becoming vectors.
  return {0.5F + std::copysign(0.5F - tail, x), 0.39894228F * exponential};
}

POLYTASK_SIMD_CLONES void forward_chunk(std::int64_t n, float const* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] * normal(x[i]).distribution;
}

POLYTASK_SIMD_CLONES void backward_chunk(std::int64_t n, float const* x, float const* grad_y, float* grad_x) {
  for (std::int64_t i = 0; i < n; ++i) {
    auto const [distribution, density] = normal(x[i]);
    grad_x[i] = grad_y[i] * (distribution + x[i] * density);
  }
}

}  // namespace

void gelu_forward(std::int64_t n, float const* x, float* y) {
#pragma omp parallel for schedule(static)
  for (std::int64_t at = 0; at < n; at += kChunk) forward_chunk(std::min(kChunk, n - at), x + at, y + at);
}

void gelu_backward(std::int64_t n, float const* x, float const* grad_y, float* grad_x) {
#pragma omp parallel for schedule(static)
  for (std::int64_t at = 0; at < n; at += kChunk)
    backward_chunk(std::min(kChunk, n - at), x + at, grad_y + at, grad_x + at);
}

}  // namespace polytask::kernels
