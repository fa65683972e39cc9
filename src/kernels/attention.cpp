#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/internal/attention_blocks.h"

namespace polytask::kernels {
namespace {

[[gnu::always_inline]] inline void forward(HeadView const& head, std::int64_t d, Scratch& scratch, float* context,
                                           float* log_sum_exp) {
  float const scale = 1.0F / std::sqrt(static_cast<float>(d));
  std::int64_t const np = padded(head.n);
  float* const left = scratch.left.data();
  float* const rows = scratch.rows.data();
  float* const sums = scratch.sums.data();
  transpose(head, d, head.query + head.hidden, scratch.keys.data());
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    Keys const keys = keys_of_block(head, i);
    gather(head, d, i, head.query, head.stride, scale, left);
    products(keys, np, d, left, scratch.keys.data(), rows);
    std::int64_t const n_rows = std::min(kQueries, head.n - i);
    for (std::int64_t r = 0; r < n_rows; ++r)
      log_sum_exp[(i + r) * head.heads] = soften(head, i + r, keys, rows + r * np);
    weighted_sums(head, keys, d, rows, head.query + 2 * head.hidden, sums);
    for (std::int64_t r = 0; r < n_rows; ++r)
      for (std::int64_t k = 0; k < d; ++k) context[(i + r) * head.hidden + k] = sums[r * d + k];
  }
}

[[gnu::always_inline]] inline void backward(HeadView const& head, std::int64_t d, Scratch& scratch,
                                            float const* context, float const* log_sum_exp, float const* grad_context,
                                            float* grad_query) {
  float const scale = 1.0F / std::sqrt(static_cast<float>(d));
  std::int64_t const np = padded(head.n);
  float* const left = scratch.left.data();
  float* const right = scratch.right.data();
  float* const rows = scratch.rows.data();
  float* const grad_rows = scratch.grad_rows.data();
  float* const sums = scratch.sums.data();
  float const* const key_rows = head.query + head.hidden;
  transpose(head, d, key_rows, scratch.keys.data());
  transpose(head, d, head.query + 2 * head.hidden, scratch.values.data());
  for (std::int64_t i = 0; i < head.n; ++i)
    for (std::int64_t part = 1; part < 3; ++part)
      for (std::int64_t k = 0; k < d; ++k) grad_query[i * head.stride + part * head.hidden + k] = 0.0F;
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    Keys const keys = keys_of_block(head, i);
    gather(head, d, i, head.query, head.stride, scale, left);
    gather(head, d, i, grad_context, head.hidden, 1.0F, right);
    products(keys, np, d, left, scratch.keys.data(), rows);
    products(keys, np, d, right, scratch.values.data(), grad_rows);
    std::int64_t const n_rows = std::min(kQueries, head.n - i);
    for (std::int64_t r = 0; r < kQueries; ++r) {
      if (r >= n_rows) {
        for (std::int64_t j = keys.first; j < keys.last; ++j) rows[r * np + j] = grad_rows[r * np + j] = 0.0F;
        continue;
      }
      float dot = 0.0F;  // sum_j P_ij dP_ij = grad_out . out
      for (std::int64_t k = 0; k < d; ++k) dot += right[r * d + k] * context[(i + r) * head.hidden + k];
      backward_row(head, i + r, keys, log_sum_exp[(i + r) * head.heads], dot, scale, rows + r * np, grad_rows + r * np);
    }
    weighted_sums(head, keys, d, grad_rows, key_rows, sums);
    for (std::int64_t r = 0; r < n_rows; ++r)
      for (std::int64_t k = 0; k < d; ++k) grad_query[(i + r) * head.stride + k] = sums[r * d + k];
    gather(head, d, i, head.query, head.stride, 1.0F, left);
    add_outer_products(head, keys, d, grad_rows, left, grad_query + head.hidden);
    add_outer_products(head, keys, d, rows, right, grad_query + 2 * head.hidden);
  }
}

// A head size that the compiler knows lets it unroll; the usual ones get their own code.
POLYTASK_SIMD_CLONES void forward_32(HeadView const& head, Scratch& scratch, float* context, float* log_sum_exp) {
  forward(head, 32, scratch, context, log_sum_exp);
}
POLYTASK_SIMD_CLONES void forward_64(HeadView const& head, Scratch& scratch, float* context, float* log_sum_exp) {
  forward(head, 64, scratch, context, log_sum_exp);
}
POLYTASK_SIMD_CLONES void forward_any(HeadView const& head, Scratch& scratch, float* context, float* log_sum_exp) {
  forward(head, head.d, scratch, context, log_sum_exp);
}

void forward_head(HeadView const& head, Scratch& scratch, float* context, float* log_sum_exp) {
  auto const of_size = head.d == 32 ? forward_32 : head.d == 64 ? forward_64 : forward_any;
  of_size(head, scratch, context, log_sum_exp);
}

POLYTASK_SIMD_CLONES void backward_32(HeadView const& head, Scratch& scratch, float const* context,
                                      float const* log_sum_exp, float const* grad_context, float* grad_query) {
  backward(head, 32, scratch, context, log_sum_exp, grad_context, grad_query);
}
POLYTASK_SIMD_CLONES void backward_64(HeadView const& head, Scratch& scratch, float const* context,
                                      float const* log_sum_exp, float const* grad_context, float* grad_query) {
  backward(head, 64, scratch, context, log_sum_exp, grad_context, grad_query);
}
POLYTASK_SIMD_CLONES void backward_any(HeadView const& head, Scratch& scratch, float const* context,
                                       float const* log_sum_exp, float const* grad_context, float* grad_query) {
  backward(head, head.d, scratch, context, log_sum_exp, grad_context, grad_query);
}

void backward_head(HeadView const& head, Scratch& scratch, float const* context, float const* log_sum_exp,
                   float const* grad_context, float* grad_query) {
  auto const of_size = head.d == 32 ? backward_32 : head.d == 64 ? backward_64 : backward_any;
  of_size(head, scratch, context, log_sum_exp, grad_context, grad_query);
}

/// Calls `work(head view, scratch, first token, head index)` for every head of every text, on all threads.
template <typename Work>
void for_each_head(AttentionShape const& shape, Dropout const& dropout, float const* qkv, Work const& work) {
  auto const n_texts = static_cast<std::int64_t>(shape.offsets.size()) - 1;
  std::int64_t const d = shape.hidden / shape.heads;
  std::int64_t longest = 0;
  for (std::int64_t t = 0; t < n_texts; ++t) {
    auto const at = static_cast<std::size_t>(t);
    longest = std::max<std::int64_t>(longest, shape.offsets[at + 1] - shape.offsets[at]);
  }
#pragma omp parallel
  {
    Scratch scratch(longest, d);
    // Heads write to places of their own: the order in which threads take them changes nothing.
#pragma omp for schedule(dynamic, 4)
    for (std::int64_t unit = 0; unit < n_texts * shape.heads; ++unit) {
      auto const text = static_cast<std::size_t>(unit / shape.heads);
      std::int64_t const h = unit % shape.heads;
      std::int64_t const first = shape.offsets[text];
      HeadView head{.n = shape.offsets[text + 1] - first,
                    .d = d,
                    .stride = 3 * shape.hidden,
                    .hidden = shape.hidden,
                    .heads = shape.heads,
                    .reach = shape.reach,
                    .dropout = dropout,
                    .query = qkv + first * 3 * shape.hidden + h * d};
      head.dropout.seed = seed_of_unit(dropout.seed, static_cast<std::uint64_t>(unit));
      work(head, scratch, first, h);
    }
  }
}

}  // namespace

void attention_forward(AttentionShape const& shape, Dropout const& dropout, float const* qkv, float* context,
                       float* log_sum_exp) {
  for_each_head(shape, dropout, qkv, [&](HeadView const& head, Scratch& scratch, std::int64_t first, std::int64_t h) {
    forward_head(head, scratch, context + first * shape.hidden + h * head.d, log_sum_exp + first * shape.heads + h);
  });
}

void attention_backward(AttentionShape const& shape, Dropout const& dropout, float const* qkv, float const* context,
                        float const* log_sum_exp, float const* grad_context, float* grad_qkv) {
  for_each_head(shape, dropout, qkv, [&](HeadView const& head, Scratch& scratch, std::int64_t first, std::int64_t h) {
    std::int64_t const at = first * shape.hidden + h * head.d;
    backward_head(head, scratch, context + at, log_sum_exp + first * shape.heads + h, grad_context + at,
                  grad_qkv + first * 3 * shape.hidden + h * head.d);
  });
}

}  // namespace polytask::kernels
