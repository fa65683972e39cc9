#include "kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

POLYTASK_SIMD_CLONES float row_loss(std::int64_t n, std::int64_t target, float* logits) {
  float largest = logits[0];
  for (std::int64_t i = 1; i < n; ++i) largest = std::max(largest, logits[i]);
  float const at_target = logits[target] - largest;
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    logits[i] = exp_nonpositive(logits[i] - largest);
    sum += logits[i];
  }
  float const inverse = 1.0F / sum;
  for (std::int64_t i = 0; i < n; ++i) logits[i] *= inverse;
  logits[target] -= 1.0F;
  return std::log(sum) - at_target;
}

}  // namespace

void softmax_cross_entropy(std::int64_t n_classes, std::span<std::int64_t const> targets, float* logits,
                           std::span<float> losses) {
  auto const n_rows = static_cast<std::int64_t>(targets.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < n_rows; ++row) {
    auto const i = static_cast<std::size_t>(row);
    losses[i] = row_loss(n_classes, targets[i], logits + row * n_classes);
  }
}

}  // namespace polytask::kernels
