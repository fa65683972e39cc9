// What packed attention is made of: the loops over one head of one text, for training. The including file has chosen an
// instruction set for all that follows and defined `kLanes`, the floats a vector. Nothing of the standard library is
// called here: the linker would take one file's copy of it for all.
#pragma once

#include "kernels/internal/attention_heads.h"
#include "kernels/internal/attention_lanes.h"
#include "kernels/internal/vector_math.h"

namespace polytask::kernels {
namespace {

// The loops below work on blocks of queries: a key or value that was loaded serves all queries of the block, and what
// is summed stays in registers.
constexpr std::int64_t kQueries = kQueriesAtOnce;

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
  std::int64_t const last = keys.last - kLanes;
  auto const n_there = static_cast<std::int32_t>(head.n - last);
  at(row + last) = numbered(AllLanes()) < n_there ? at(row + last) : Lanes{} + kNever;
  if (head.reach == 0) return;
  static_assert(kLanes % kQueries == 0, "the queries of a block that are beyond the text's end stay within its keys");
  for (std::int64_t j = keys.first; j < i - head.reach; ++j) row[j] = kNever;
  for (std::int64_t j = i + head.reach + 1; j < keys.end; ++j) row[j] = kNever;
}

/// `n_vectors` vectors, from j on, of out[r, j] = sum_k left[r, k] * transposed[k, j].
template <int n_vectors>
[[gnu::always_inline]] inline void products_at(std::int64_t j, std::int64_t np, std::int64_t d, float const* left,
                                               float const* transposed, float* out) {
  Lanes sums[kQueries][n_vectors] = {};
  for (std::int64_t k = 0; k < d; ++k)
    for (int v = 0; v < n_vectors; ++v) {
      Lanes const column = at(transposed + k * np + j + v * kLanes);
      for (std::int64_t r = 0; r < kQueries; ++r) sums[r][v] += left[r * d + k] * column;
    }
  for (std::int64_t r = 0; r < kQueries; ++r)
    for (int v = 0; v < n_vectors; ++v) at(out + r * np + j + v * kLanes) = sums[r][v];
}

[[gnu::always_inline]] inline void products(Keys const& keys, std::int64_t np, std::int64_t d, float const* left,
                                            float const* transposed, float* out) {
  std::int64_t j = keys.first;
  for (; j + 2 * kLanes <= keys.last; j += 2 * kLanes) products_at<2>(j, np, d, left, transposed, out);
  if (j < keys.last) products_at<1>(j, np, d, left, transposed, out);
}

/// `n_vectors` vectors, from k on, of out[r, k] = sum_j weights[r, j] * rows[j, k].
template <int n_vectors>
[[gnu::always_inline]] inline void weighted_sums_at(std::int64_t k, HeadView const& head, Keys const& keys,
                                                    std::int64_t d, float const* weights, float const* rows,
                                                    float* out) {
  std::int64_t const np = padded(head.n);
  Lanes sums[kQueries][n_vectors] = {};
  for (std::int64_t j = keys.first; j < keys.end; ++j)
    for (int v = 0; v < n_vectors; ++v) {
      Lanes const row = at(rows + j * head.stride + k + v * kLanes);
      for (std::int64_t r = 0; r < kQueries; ++r) sums[r][v] += weights[r * np + j] * row;
    }
  for (std::int64_t r = 0; r < kQueries; ++r)
    for (int v = 0; v < n_vectors; ++v) at(out + r * d + k + v * kLanes) = sums[r][v];
}

[[gnu::always_inline]] inline void weighted_sums(HeadView const& head, Keys const& keys, std::int64_t d,
                                                 float const* weights, float const* rows, float* out) {
  std::int64_t const np = padded(head.n);
  std::int64_t k = 0;
  for (; k + 2 * kLanes <= d; k += 2 * kLanes) weighted_sums_at<2>(k, head, keys, d, weights, rows, out);
  for (; k + kLanes <= d; k += kLanes) weighted_sums_at<1>(k, head, keys, d, weights, rows, out);
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
    for (std::int64_t r = 0; r < kQueries; ++r) of_query[r] = at(left + r * d + k);
    for (std::int64_t j = keys.first; j < keys.end; ++j) {
      Lanes& place = at(out + j * head.stride + k);
      Lanes sum = place;
      for (std::int64_t r = 0; r < kQueries; ++r) sum += weights[r * np + j] * of_query[r];
      place = sum;
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
    if (i + r < head.n)
      for (std::int64_t k = 0; k < d; ++k) left[r * d + k] = matrix[(i + r) * stride + k] * scale;
    else
      for (std::int64_t k = 0; k < d; ++k) left[r * d + k] = 0.0F;
}

/// What dropout multiplies the weights of one query with, at the keys from j on.
[[gnu::always_inline]] inline Lanes kept(HeadView const& head, std::int64_t i, std::int64_t j) {
  auto const first = static_cast<std::uint32_t>(i * head.n + j);
  auto const bits = dropout_bits(head.dropout.seed, reinterpret_cast<Bits>(numbered(AllLanes())) + first);
  return bits < head.dropout.threshold() ? Lanes{} : Lanes{} + head.dropout.scale();
}

/// Scores of a block's queries, from i on -> what multiplies the values; the logarithms of the sums of their
/// exponentials are stored. The rows stand side by side, so that none waits for its own sums.
[[gnu::always_inline]] inline void soften(HeadView const& head, std::int64_t i, Keys const& keys, float* rows,
                                          float* log_sum_exp) {
  std::int64_t const np = padded(head.n);
  Lanes most[kQueries];
  for (std::int64_t r = 0; r < kQueries; ++r) {
    hide(head, i + r, keys, rows + r * np);
    most[r] = at(rows + r * np + keys.first);
  }
  for (std::int64_t j = keys.first + kLanes; j < keys.last; j += kLanes)
    for (std::int64_t r = 0; r < kQueries; ++r) most[r] = larger(at(rows + r * np + j), most[r]);
  float largest[kQueries];
  for (std::int64_t r = 0; r < kQueries; ++r) largest[r] = largest_of(most[r]);
  Lanes sums[kQueries] = {};
  for (std::int64_t j = keys.first; j < keys.last; j += kLanes)
    for (std::int64_t r = 0; r < kQueries; ++r) {
      Lanes& place = at(rows + r * np + j);
      place = exp_of_nonpositive(place - largest[r]);
      sums[r] += place;
    }
  float sum[kQueries];
  for (std::int64_t r = 0; r < kQueries; ++r) sum[r] = sum_of(sums[r]);
  for (std::int64_t j = keys.first; j < keys.last; j += kLanes)
    for (std::int64_t r = 0; r < kQueries; ++r) {
      Lanes& place = at(rows + r * np + j);
      place *= 1.0F / sum[r];
      if (head.dropout.active()) place *= kept(head, i + r, j);
    }
  for (std::int64_t r = 0; r < smaller(kQueries, head.n - i); ++r)
    log_sum_exp[(i + r) * head.heads] = largest[r] + __builtin_logf(sum[r]);
}

/// The softmax's backward for one query: `row` holds scores and becomes what multiplied the values; `grad_row` holds
/// the gradients of that and becomes the gradients of the scores.
[[gnu::always_inline]] inline void backward_row(HeadView const& head, std::int64_t i, Keys const& keys,
                                                float log_sum_exp, float dot, float scale, float* row,
                                                float* grad_row) {
  hide(head, i, keys, row);
  for (std::int64_t j = keys.first; j < keys.last; j += kLanes) {
    Lanes const p = exp_of_nonpositive(at(row + j) - log_sum_exp);
    Lanes const weight = head.dropout.active() ? kept(head, i, j) : Lanes{} + 1.0F;
    at(row + j) = p * weight;
    at(grad_row + j) = p * (at(grad_row + j) * weight - dot) * scale;
  }
}

}  // namespace
}  // namespace polytask::kernels
