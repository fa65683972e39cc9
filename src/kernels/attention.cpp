#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

// The loops below work on blocks of queries: a key or value that was loaded serves all queries of the block, and what
// is summed stays in registers.
constexpr std::int64_t kQueries = 4;
constexpr std::int64_t kLanes = 16;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float)), may_alias, aligned(4)));
constexpr float kNever = -1.0e30F;  // the score of a place that is no token

constexpr std::int64_t padded(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

/// One head of one text. Strides are in floats; `n` tokens, `d` head size.
struct HeadView {
  std::int64_t n = 0;
  std::int64_t d = 0;
  std::int64_t stride = 0;  ///< of qkv rows
  std::int64_t hidden = 0;  ///< of context rows; offset from query to key and from key to value
  std::int64_t heads = 0;   ///< of log_sum_exp rows
  Dropout dropout;
  float const* query = nullptr;
};

/// Room for one head's work.
struct Scratch {
  Scratch(std::int64_t longest, std::int64_t d)
      : keys(static_cast<std::size_t>(padded(longest) * d)),
        values(keys.size()),
        rows(static_cast<std::size_t>(padded(longest) * kQueries)),
        grad_rows(rows.size()),
        left(static_cast<std::size_t>(kQueries * d)),
        right(left.size()),
        sums(left.size()) {}
  std::vector<float> keys;       ///< [d, padded n], transposed
  std::vector<float> values;     ///< [d, padded n], transposed
  std::vector<float> rows;       ///< [kQueries, padded n]
  std::vector<float> grad_rows;  ///< [kQueries, padded n]
  std::vector<float> left;       ///< [kQueries, d]: scaled queries
  std::vector<float> right;      ///< [kQueries, d]: gradients of their contexts
  std::vector<float> sums;       ///< [kQueries, d]
};

[[gnu::always_inline]] inline void transpose(HeadView const& head, std::int64_t d, float const* rows, float* out) {
  std::int64_t const np = padded(head.n);
  for (std::int64_t k = 0; k < d; ++k) {
    for (std::int64_t j = 0; j < head.n; ++j) out[k * np + j] = rows[j * head.stride + k];
    for (std::int64_t j = head.n; j < np; ++j) out[k * np + j] = 0.0F;
  }
}

/// out[r, j] = sum_k left[r, k] * transposed[k, j].
[[gnu::always_inline]] inline void products(std::int64_t np, std::int64_t d, float const* left, float const* transposed,
                                            float* out) {
  for (std::int64_t j = 0; j < np; j += kLanes) {
    Lanes sums[kQueries] = {};
    for (std::int64_t k = 0; k < d; ++k) {
      Lanes const column = *reinterpret_cast<Lanes const*>(transposed + k * np + j);
      for (std::int64_t r = 0; r < kQueries; ++r) sums[r] += left[r * d + k] * column;
    }
    for (std::int64_t r = 0; r < kQueries; ++r) *reinterpret_cast<Lanes*>(out + r * np + j) = sums[r];
  }
}

/// out[r, k] = sum_j weights[r, j] * rows[j, k].
[[gnu::always_inline]] inline void weighted_sums(HeadView const& head, std::int64_t d, float const* weights,
                                                 float const* rows, float* out) {
  std::int64_t const np = padded(head.n);
  std::int64_t k = 0;
  for (; k + kLanes <= d; k += kLanes) {
    Lanes sums[kQueries] = {};
    for (std::int64_t j = 0; j < head.n; ++j) {
      Lanes const row = *reinterpret_cast<Lanes const*>(rows + j * head.stride + k);
      for (std::int64_t r = 0; r < kQueries; ++r) sums[r] += weights[r * np + j] * row;
    }
    for (std::int64_t r = 0; r < kQueries; ++r) *reinterpret_cast<Lanes*>(out + r * d + k) = sums[r];
  }
  for (; k < d; ++k)
    for (std::int64_t r = 0; r < kQueries; ++r) {
      float sum = 0.0F;
      for (std::int64_t j = 0; j < head.n; ++j) sum += weights[r * np + j] * rows[j * head.stride + k];
      out[r * d + k] = sum;
    }
}

/// out[j, k] += sum_r weights[r, j] * left[r, k].
[[gnu::always_inline]] inline void add_outer_products(HeadView const& head, std::int64_t d, float const* weights,
                                                      float const* left, float* out) {
  std::int64_t const np = padded(head.n);
  std::int64_t k = 0;
  for (; k + kLanes <= d; k += kLanes) {
    Lanes of_query[kQueries];
    for (std::int64_t r = 0; r < kQueries; ++r) of_query[r] = *reinterpret_cast<Lanes const*>(left + r * d + k);
    for (std::int64_t j = 0; j < head.n; ++j) {
      auto* const place = reinterpret_cast<Lanes*>(out + j * head.stride + k);
      Lanes sum = *place;
      for (std::int64_t r = 0; r < kQueries; ++r) sum += weights[r * np + j] * of_query[r];
      *place = sum;
    }
  }
  for (; k < d; ++k)
    for (std::int64_t j = 0; j < head.n; ++j)
      for (std::int64_t r = 0; r < kQueries; ++r) out[j * head.stride + k] += weights[r * np + j] * left[r * d + k];
}

/// left[r] = scale * row i + r of a strided matrix; rows past the text's end are 0.
[[gnu::always_inline]] inline void gather(HeadView const& head, std::int64_t d, std::int64_t i, float const* matrix,
                                          std::int64_t stride, float scale, float* left) {
  for (std::int64_t r = 0; r < kQueries; ++r)
    for (std::int64_t k = 0; k < d; ++k) left[r * d + k] = i + r < head.n ? matrix[(i + r) * stride + k] * scale : 0.0F;
}

[[gnu::always_inline]] inline void drop_row(HeadView const& head, std::int64_t i, float* row) {
  std::uint32_t const threshold = head.dropout.threshold();
  float const scale = head.dropout.scale();
  auto const first = static_cast<std::uint32_t>(i * head.n);
  for (std::int64_t j = 0; j < head.n; ++j)
    row[j] = dropout_bits(head.dropout.seed, first + static_cast<std::uint32_t>(j)) < threshold ? 0.0F : row[j] * scale;
}

[[gnu::always_inline]] inline void forward(HeadView const& head, std::int64_t d, Scratch& scratch, float* context,
                                           float* log_sum_exp) {
  float const scale = 1.0F / std::sqrt(static_cast<float>(d));
  std::int64_t const np = padded(head.n);
  float* const left = scratch.left.data();
  float* const rows = scratch.rows.data();
  float* const sums = scratch.sums.data();
  transpose(head, d, head.query + head.hidden, scratch.keys.data());
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    gather(head, d, i, head.query, head.stride, scale, left);
    products(np, d, left, scratch.keys.data(), rows);
    std::int64_t const n_rows = std::min(kQueries, head.n - i);
    for (std::int64_t r = 0; r < n_rows; ++r) {
      float* const row = rows + r * np;
      for (std::int64_t j = head.n; j < np; ++j) row[j] = kNever;
      float largest = row[0];
      for (std::int64_t j = 1; j < np; ++j) largest = row[j] > largest ? row[j] : largest;
      for (std::int64_t j = 0; j < np; ++j) row[j] = exp_nonpositive(row[j] - largest);
      float sum = 0.0F;
      for (std::int64_t j = 0; j < np; ++j) sum += row[j];
      log_sum_exp[(i + r) * head.heads] = largest + std::log(sum);
      float const inverse = 1.0F / sum;
      for (std::int64_t j = 0; j < np; ++j) row[j] *= inverse;
      if (head.dropout.active()) drop_row(head, i + r, row);
    }
    weighted_sums(head, d, rows, head.query + 2 * head.hidden, sums);
    for (std::int64_t r = 0; r < n_rows; ++r)
      for (std::int64_t k = 0; k < d; ++k) context[(i + r) * head.hidden + k] = sums[r * d + k];
  }
}

/// The softmax's backward for one query: `row` holds scores and becomes what multiplied the values; `grad_row` holds
/// the gradients of that and becomes the gradients of the scores.
[[gnu::always_inline]] inline void backward_row(HeadView const& head, std::int64_t i, float log_sum_exp, float dot,
                                                float scale, float* row, float* grad_row) {
  std::int64_t const np = padded(head.n);
  for (std::int64_t j = head.n; j < np; ++j) row[j] = kNever;
  for (std::int64_t j = 0; j < np; ++j) row[j] = exp_nonpositive(row[j] - log_sum_exp);
  if (!head.dropout.active()) {
    for (std::int64_t j = 0; j < np; ++j) grad_row[j] = row[j] * (grad_row[j] - dot) * scale;
    return;
  }
  std::uint32_t const threshold = head.dropout.threshold();
  float const keep_scale = head.dropout.scale();
  auto const first = static_cast<std::uint32_t>(i * head.n);
  for (std::int64_t j = 0; j < np; ++j) {
    bool const dropped = dropout_bits(head.dropout.seed, first + static_cast<std::uint32_t>(j)) < threshold;
    float const kept = dropped ? 0.0F : keep_scale;
    float const p = row[j];
    row[j] = p * kept;
    grad_row[j] = p * (grad_row[j] * kept - dot) * scale;
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
  float const* const keys = head.query + head.hidden;
  transpose(head, d, keys, scratch.keys.data());
  transpose(head, d, head.query + 2 * head.hidden, scratch.values.data());
  for (std::int64_t i = 0; i < head.n; ++i)
    for (std::int64_t part = 1; part < 3; ++part)
      for (std::int64_t k = 0; k < d; ++k) grad_query[i * head.stride + part * head.hidden + k] = 0.0F;
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    gather(head, d, i, head.query, head.stride, scale, left);
    gather(head, d, i, grad_context, head.hidden, 1.0F, right);
    products(np, d, left, scratch.keys.data(), rows);
    products(np, d, right, scratch.values.data(), grad_rows);
    std::int64_t const n_rows = std::min(kQueries, head.n - i);
    for (std::int64_t r = 0; r < kQueries; ++r) {
      if (r >= n_rows) {
        for (std::int64_t j = 0; j < np; ++j) rows[r * np + j] = grad_rows[r * np + j] = 0.0F;
        continue;
      }
      float dot = 0.0F;  // sum_j P_ij dP_ij = grad_out . out
      for (std::int64_t k = 0; k < d; ++k) dot += right[r * d + k] * context[(i + r) * head.hidden + k];
      backward_row(head, i + r, log_sum_exp[(i + r) * head.heads], dot, scale, rows + r * np, grad_rows + r * np);
    }
    weighted_sums(head, d, grad_rows, keys, sums);
    for (std::int64_t r = 0; r < n_rows; ++r)
      for (std::int64_t k = 0; k < d; ++k) grad_query[(i + r) * head.stride + k] = sums[r * d + k];
    gather(head, d, i, head.query, head.stride, 1.0F, left);
    add_outer_products(head, d, grad_rows, left, grad_query + head.hidden);
    add_outer_products(head, d, rows, right, grad_query + 2 * head.hidden);
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
