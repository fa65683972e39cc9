// One vector for each text: the mean of its tokens' hidden states.
#pragma once

#include <cstdint>
#include <span>

namespace polytask::kernels {

/// Text t of `texts` owns tokens [offsets[t], offsets[t + 1]), at least one.
struct PoolingShape {
  std::span<std::int32_t const> offsets;
  std::span<std::int64_t const> texts;
  std::int64_t width = 0;
};

/// hidden: [tokens, width]; pooled: [texts, width], written.
void mean_pool_forward(PoolingShape const& shape, float const* hidden, float* pooled);

/// grad_hidden: [tokens, width], added to.
void mean_pool_backward(PoolingShape const& shape, float const* grad_pooled, float* grad_hidden);

}  // namespace polytask::kernels
