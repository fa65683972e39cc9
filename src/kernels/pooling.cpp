#include "kernels/pooling.h"

#include <algorithm>

#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

POLYTASK_SIMD_CLONES void add_scaled(std::int64_t n, float scale, float const* x, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

}  // namespace

void mean_pool_forward(PoolingShape const& shape, float const* hidden, float* pooled) {
  for (std::size_t i = 0; i < shape.texts.size(); ++i) {
    auto const text = static_cast<std::size_t>(shape.texts[i]);
    float* const out = pooled + static_cast<std::int64_t>(i) * shape.width;
    std::fill_n(out, shape.width, 0.0F);
    float const share = 1.0F / static_cast<float>(shape.offsets[text + 1] - shape.offsets[text]);
    for (std::int64_t token = shape.offsets[text]; token < shape.offsets[text + 1]; ++token)
      add_scaled(shape.width, share, hidden + token * shape.width, out);
  }
}

void mean_pool_backward(PoolingShape const& shape, float const* grad_pooled, float* grad_hidden) {
  for (std::size_t i = 0; i < shape.texts.size(); ++i) {
    auto const text = static_cast<std::size_t>(shape.texts[i]);
    float const share = 1.0F / static_cast<float>(shape.offsets[text + 1] - shape.offsets[text]);
    for (std::int64_t token = shape.offsets[text]; token < shape.offsets[text + 1]; ++token)
      add_scaled(shape.width, share, grad_pooled + static_cast<std::int64_t>(i) * shape.width,
                 grad_hidden + token * shape.width);
  }
}

}  // namespace polytask::kernels
