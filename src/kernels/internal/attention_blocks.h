// What packed attention is made of: the loops over one head of one text, for training. The including file has chosen an
// instruction set for all that follows and defined `kLanes`, the floats a vector. Nothing of the standard library is
// called here: the linker would take one file's copy of it for all.
#pragma once

#include "kernels/internal/attention_heads.h"
#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

// The loops below work on blocks of queries: a key or value that was loaded serves all queries of the block, and what
// is summed stays in registers.
constexpr std::int64_t kQueries = kQueriesAtOnce;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float)), may_alias, aligned(4)));
constexpr float kNever = -1.0e30F;  // the score of a place that is no token

constexpr std::int64_t whole_vectors(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }
[[gnu::always_inline]] inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
[[gnu::always_inline]] inline std::int64_t greater(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

[[gnu::always_inline]] inline void transpose(HeadView const& head, std::int64_t d, float const* rows, float* out) {
  std::int64_t const np = padded(head.n);
  for (std::int64_t k = 0; k < d; ++k) {
    for (std::int64_t j = 0; j < head.n; ++j) out[k * np + j] = rows[j * head.stride + k];
    for (std::int64_t j = head.n; j < np; ++j) out[k * np + j] = 0.0F;
  }
}

/// The keys that a block of queries looks at: whole vectors of them. Others take no part in any loop, so that a window
/// costs what it holds, not what the text does.
struct Keys {
  std::int64_t first = 0;
  std::int64_t last = 0;  ///< of the vectors
  std::int64_t end = 0;   ///< of the text's own keys
};

[[gnu::always_inline]] inline Keys keys_of_block(HeadView const& head, std::int64_t i) {
  std::int64_t const end = whole_vectors(head.n);
  if (head.reach == 0) return {0, end, head.n};
  std::int64_t const last = smaller(end, whole_vectors(i + kQueries + head.reach));
  return {greater(0, i - head.reach) / kLanes * kLanes, last, smaller(head.n, last)};
}

/// Scores of one query where there is no key, or none that it sees.
[[gnu::always_inline]] inline void hide(HeadView const& head, std::int64_t i, Keys const& keys, float* row) {
  for (std::int64_t j = head.n; j < keys.last; ++j) row[j] = kNever;
  if (head.reach == 0) return;
  for (std::int64_t j = keys.first; j < i - head.reach; ++j) row[j] = kNever;
  for (std::int64_t j = i + head.reach + 1; j < keys.end; ++j) row[j] = kNever;
}

/// out[r, j] = sum_k left[r, k] * transposed[k, j].
[[gnu::always_inline]] inline void products(Keys const& keys, std::int64_t np, std::int64_t d, float const* left,
                                            float const* transposed, float* out) {
  for (std::int64_t j = keys.first; j < keys.last; j += kLanes) {
    Lanes sums[kQueries] = {};
    for (std::int64_t k = 0; k < d; ++k) {
      Lanes const column = *reinterpret_cast<Lanes const*>(transposed + k * np + j);
      for (std::int64_t r = 0; r < kQueries; ++r) sums[r] += left[r * d + k] * column;
    }
    for (std::int64_t r = 0; r < kQueries; ++r) *reinterpret_cast<Lanes*>(out + r * np + j) = sums[r];
  }
}

/// out[r, k] = sum_j weights[r, j] * rows[j, k].
[[gnu::always_inline]] inline void weighted_sums(HeadView const& head, Keys const& keys, std::int64_t d,
                                                 float const* weights, float const* rows, float* out) {
  std::int64_t const np = padded(head.n);
  std::int64_t k = 0;
  for (; k + kLanes <= d; k += kLanes) {
    Lanes sums[kQueries] = {};
    for (std::int64_t j = keys.first; j < keys.end; ++j) {
      Lanes const row = *reinterpret_cast<Lanes const*>(rows + j * head.stride + k);
      for (std::int64_t r = 0; r < kQueries; ++r) sums[r] += weights[r * np + j] * row;
    }
    for (std::int64_t r = 0; r < kQueries; ++r) *reinterpret_cast<Lanes*>(out + r * d + k) = sums[r];
  }
  for (; k < d; ++k)
    for (std::int64_t r = 0; r < kQueries; ++r) {
      float sum = 0.0F;
      for (std::int64_t j = keys.first; j < keys.end; ++j) sum += weights[r * np + j] * rows[j * head.stride + k];
      out[r * d + k] = sum;
    }
}

/// out[j, k] += sum_r weights[r, j] * left[r, k].
[[gnu::always_inline]] inline void add_outer_products(HeadView const& head, Keys const& keys, std::int64_t d,
                                                      float const* weights, float const* left, float* out) {
  std::int64_t const np = padded(head.n);
  std::int64_t k = 0;
  for (; k + kLanes <= d; k += kLanes) {
    Lanes of_query[kQueries];
    for (std::int64_t r = 0; r < kQueries; ++r) of_query[r] = *reinterpret_cast<Lanes const*>(left + r * d + k);
    for (std::int64_t j = keys.first; j < keys.end; ++j) {
      auto* const place = reinterpret_cast<Lanes*>(out + j * head.stride + k);
      Lanes sum = *place;
      for (std::int64_t r = 0; r < kQueries; ++r) sum += weights[r * np + j] * of_query[r];
      *place = sum;
    }
  }
  for (; k < d; ++k)
    for (std::int64_t j = keys.first; j < keys.end; ++j)
      for (std::int64_t r = 0; r < kQueries; ++r) out[j * head.stride + k] += weights[r * np + j] * left[r * d + k];
}

/// left[r] = scale * row i + r of a strided matrix; rows past the text's end are 0.
[[gnu::always_inline]] inline void gather(HeadView const& head, std::int64_t d, std::int64_t i, float const* matrix,
                                          std::int64_t stride, float scale, float* left) {
  for (std::int64_t r = 0; r < kQueries; ++r)
    for (std::int64_t k = 0; k < d; ++k) left[r * d + k] = i + r < head.n ? matrix[(i + r) * stride + k] * scale : 0.0F;
}

[[gnu::always_inline]] inline void drop_row(HeadView const& head, std::int64_t i, Keys const& keys, float* row) {
  std::uint32_t const threshold = head.dropout.threshold();
  float const scale = head.dropout.scale();
  auto const first = static_cast<std::uint32_t>(i * head.n);
  for (std::int64_t j = keys.first; j < keys.end; ++j)
    row[j] = dropout_bits(head.dropout.seed, first + static_cast<std::uint32_t>(j)) < threshold ? 0.0F : row[j] * scale;
}

/// Scores of query i -> what multiplies the values; returns the logarithm of the sum of their exponentials.
[[gnu::always_inline]] inline float soften(HeadView const& head, std::int64_t i, Keys const& keys, float* row) {
  hide(head, i, keys, row);
  float largest = row[keys.first];
  for (std::int64_t j = keys.first + 1; j < keys.last; ++j) largest = row[j] > largest ? row[j] : largest;
  for (std::int64_t j = keys.first; j < keys.last; ++j) row[j] = exp_nonpositive(row[j] - largest);
  float sum = 0.0F;
  for (std::int64_t j = keys.first; j < keys.last; ++j) sum += row[j];
  float const inverse = 1.0F / sum;
  for (std::int64_t j = keys.first; j < keys.last; ++j) row[j] *= inverse;
  if (head.dropout.active()) drop_row(head, i, keys, row);
  return largest + __builtin_logf(sum);
}

/// The softmax's backward for one query: `row` holds scores and becomes what multiplied the values; `grad_row` holds
/// the gradients of that and becomes the gradients of the scores.
[[gnu::always_inline]] inline void backward_row(HeadView const& head, std::int64_t i, Keys const& keys,
                                                float log_sum_exp, float dot, float scale, float* row,
                                                float* grad_row) {
  hide(head, i, keys, row);
  for (std::int64_t j = keys.first; j < keys.last; ++j) row[j] = exp_nonpositive(row[j] - log_sum_exp);
  if (!head.dropout.active()) {
    for (std::int64_t j = keys.first; j < keys.last; ++j) grad_row[j] = row[j] * (grad_row[j] - dot) * scale;
    return;
  }
  std::uint32_t const threshold = head.dropout.threshold();
  float const keep_scale = head.dropout.scale();
  auto const first = static_cast<std::uint32_t>(i * head.n);
  for (std::int64_t j = keys.first; j < keys.last; ++j) {
    bool const dropped = dropout_bits(head.dropout.seed, first + static_cast<std::uint32_t>(j)) < threshold;
    float const kept = dropped ? 0.0F : keep_scale;
    float const p = row[j];
    row[j] = p * kept;
    grad_row[j] = p * (grad_row[j] * kept - dot) * scale;
  }
}

}  // namespace
}  // namespace polytask::kernels
