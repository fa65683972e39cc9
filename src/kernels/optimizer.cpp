#include "kernels/optimizer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kChunk = 32'768;

POLYTASK_SIMD_CLONES void update_chunk(AdamWFactors const& c, std::int64_t n, float* __restrict w,
                                       float const* __restrict g, float* __restrict m, float* __restrict v) {
  for (std::int64_t i = 0; i < n; ++i) {
    float const gradient = g[i] * c.gradient_scale;
    m[i] = c.beta1 * m[i] + c.one_minus_beta1 * gradient;
    v[i] = c.beta2 * v[i] + c.one_minus_beta2 * gradient * gradient;
    w[i] = c.decay * w[i] - c.step_size * m[i] / (std::sqrt(v[i]) * c.inverse_root + c.epsilon);
  }
}

POLYTASK_SIMD_CLONES double squares(std::int64_t n, float const* x) {
  double total = 0;
  for (std::int64_t i = 0; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

}  // namespace

AdamWFactors factors_of(AdamWStep const& step) {
  auto const t = static_cast<double>(step.step);
  return {
      .beta1 = static_cast<float>(step.beta1),
      .beta2 = static_cast<float>(step.beta2),
      .one_minus_beta1 = static_cast<float>(1 - step.beta1),
      .one_minus_beta2 = static_cast<float>(1 - step.beta2),
      .decay = static_cast<float>(1 - step.learning_rate * step.weight_decay),
      .step_size = static_cast<float>(step.learning_rate / (1 - std::pow(step.beta1, t))),
      .inverse_root = static_cast<float>(1 / std::sqrt(1 - std::pow(step.beta2, t))),
      .epsilon = static_cast<float>(step.epsilon),
      .gradient_scale = static_cast<float>(step.gradient_scale),
  };
}

void adamw_update(AdamWStep const& step, std::span<float> weights, std::span<float const> gradient,
                  std::span<float> first_moment, std::span<float> second_moment) {
  auto const c = factors_of(step);
  auto const n = static_cast<std::int64_t>(weights.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t at = 0; at < n; at += kChunk)
    update_chunk(c, std::min(kChunk, n - at), weights.data() + at, gradient.data() + at, first_moment.data() + at,
                 second_moment.data() + at);
}

void adamw_update_row(AdamWFactors const& factors, std::span<float> weights, std::span<float const> gradient,
                      std::span<float> first_moment, std::span<float> second_moment) {
  update_chunk(factors, static_cast<std::int64_t>(weights.size()), weights.data(), gradient.data(), first_moment.data(),
               second_moment.data());
}

double sum_of_squares(std::span<float const> values) {
  auto const n = static_cast<std::int64_t>(values.size());
  std::vector<double> parts(static_cast<std::size_t>((n + kChunk - 1) / kChunk), 0.0);
#pragma omp parallel for schedule(static)
  for (std::int64_t at = 0; at < n; at += kChunk)
    parts[static_cast<std::size_t>(at / kChunk)] = squares(std::min(kChunk, n - at), values.data() + at);
  double total = 0;
  for (double const part : parts) total += part;
  return total;
}

}  // namespace polytask::kernels
