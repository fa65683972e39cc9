#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

/// One head of one text. Strides are in floats; `n` tokens, `d` head size.
struct HeadView {
  std::int64_t n = 0;
  std::int64_t d = 0;
  std::int64_t stride = 0;      ///< of qkv rows
  std::int64_t hidden = 0;      ///< of context rows; offset from query to key and from key to value
  std::int64_t heads = 0;       ///< of log_sum_exp rows
  Dropout dropout;
  float const* query = nullptr;
};

/// Room for one head's work: the transposed keys (or values) and rows of scores.
struct Scratch {
  std::vector<float> transposed;
  std::vector<float> values_transposed;
  std::vector<float> row;
  std::vector<float> grad_row;
};

// The row of probabilities of query i, before dropout. keys_transposed: [d, n].
[[gnu::always_inline]] inline void score_row(HeadView const& head, float const* query_row, float const* keys_transposed,
                                             float scale, float* row) {
  for (std::int64_t j = 0; j < head.n; ++j) row[j] = 0.0F;
  for (std::int64_t k = 0; k < head.d; ++k) {
    float const q = query_row[k] * scale;
    float const* keys = keys_transposed + k * head.n;
    for (std::int64_t j = 0; j < head.n; ++j) row[j] += q * keys[j];
  }
}

[[gnu::always_inline]] inline void transpose(HeadView const& head, float const* rows, float* out) {
  for (std::int64_t j = 0; j < head.n; ++j)
    for (std::int64_t k = 0; k < head.d; ++k) out[k * head.n + j] = rows[j * head.stride + k];
}

[[gnu::always_inline]] inline void drop_row(HeadView const& head, std::int64_t i, float* row) {
  std::uint32_t const threshold = head.dropout.threshold();
  float const scale = head.dropout.scale();
  auto const first = static_cast<std::uint32_t>(i * head.n);
  for (std::int64_t j = 0; j < head.n; ++j)
    row[j] = dropout_bits(head.dropout.seed, first + static_cast<std::uint32_t>(j)) < threshold ? 0.0F : row[j] * scale;
}

POLYTASK_SIMD_CLONES void forward_head(HeadView const& head, Scratch& scratch, float* context, float* log_sum_exp) {
  float const scale = 1.0F / std::sqrt(static_cast<float>(head.d));
  float* const keys_transposed = scratch.transposed.data();
  float* const row = scratch.row.data();
  transpose(head, head.query + head.hidden, keys_transposed);
  float const* const values = head.query + 2 * head.hidden;
  for (std::int64_t i = 0; i < head.n; ++i) {
    score_row(head, head.query + i * head.stride, keys_transposed, scale, row);
    float largest = row[0];
    for (std::int64_t j = 1; j < head.n; ++j) largest = row[j] > largest ? row[j] : largest;
    for (std::int64_t j = 0; j < head.n; ++j) row[j] = exp_nonpositive(row[j] - largest);
    float sum = 0.0F;
    for (std::int64_t j = 0; j < head.n; ++j) sum += row[j];
    log_sum_exp[i * head.heads] = largest + std::log(sum);
    float const inverse = 1.0F / sum;
    for (std::int64_t j = 0; j < head.n; ++j) row[j] *= inverse;
    if (head.dropout.active()) drop_row(head, i, row);
    float* const out = context + i * head.hidden;
    for (std::int64_t k = 0; k < head.d; ++k) out[k] = 0.0F;
    for (std::int64_t j = 0; j < head.n; ++j) {
      float const* const value = values + j * head.stride;
      float const p = row[j];
      for (std::int64_t k = 0; k < head.d; ++k) out[k] += p * value[k];
    }
  }
}

POLYTASK_SIMD_CLONES void backward_head(HeadView const& head, Scratch& scratch, float const* context,
                                        float const* log_sum_exp, float const* grad_context, float* grad_query) {
  float const scale = 1.0F / std::sqrt(static_cast<float>(head.d));
  float* const keys_transposed = scratch.transposed.data();
  float* const values_transposed = scratch.values_transposed.data();
  float* const row = scratch.row.data();
  float* const grad_row = scratch.grad_row.data();
  float const* const keys = head.query + head.hidden;
  float const* const values = head.query + 2 * head.hidden;
  transpose(head, keys, keys_transposed);
  transpose(head, values, values_transposed);
  for (std::int64_t i = 0; i < head.n; ++i)
    for (std::int64_t part = 0; part < 3; ++part)
      for (std::int64_t k = 0; k < head.d; ++k) grad_query[i * head.stride + part * head.hidden + k] = 0.0F;
  std::uint32_t const threshold = head.dropout.threshold();
  float const keep_scale = head.dropout.active() ? head.dropout.scale() : 1.0F;
  for (std::int64_t i = 0; i < head.n; ++i) {
    float const* const grad_out = grad_context + i * head.hidden;
    float const* const out = context + i * head.hidden;
    float const* const query_row = head.query + i * head.stride;
    score_row(head, query_row, keys_transposed, scale, row);
    float const lse = log_sum_exp[i * head.heads];
    for (std::int64_t j = 0; j < head.n; ++j) row[j] = exp_nonpositive(row[j] - lse);
    float dot = 0.0F;  // sum_j P_ij dP_ij = grad_out . out
    for (std::int64_t k = 0; k < head.d; ++k) dot += grad_out[k] * out[k];
    for (std::int64_t j = 0; j < head.n; ++j) grad_row[j] = 0.0F;
    for (std::int64_t k = 0; k < head.d; ++k) {
      float const g = grad_out[k];
      float const* const value = values_transposed + k * head.n;
      for (std::int64_t j = 0; j < head.n; ++j) grad_row[j] += g * value[j];
    }
    float* const grad_value = grad_query + 2 * head.hidden;
    auto const first = static_cast<std::uint32_t>(i * head.n);
    for (std::int64_t j = 0; j < head.n; ++j) {
      bool const dropped = dropout_bits(head.dropout.seed, first + static_cast<std::uint32_t>(j)) < threshold;
      float const kept = dropped ? 0.0F : keep_scale;
      float const p = row[j];
      row[j] = p * kept;                                        // what multiplied the value
      grad_row[j] = p * (grad_row[j] * kept - dot) * scale;     // gradient of the scaled score
    }
    float* const grad_q = grad_query + i * head.stride;
    for (std::int64_t j = 0; j < head.n; ++j) {
      float const p = row[j];
      float const ds = grad_row[j];
      float const* const key = keys + j * head.stride;
      float* const grad_k = grad_query + head.hidden + j * head.stride;
      float* const grad_v = grad_value + j * head.stride;
      for (std::int64_t k = 0; k < head.d; ++k) {
        grad_q[k] += ds * key[k];
        grad_k[k] += ds * query_row[k];
        grad_v[k] += p * grad_out[k];
      }
    }
  }
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
    Scratch scratch;
    scratch.transposed.resize(static_cast<std::size_t>(longest * d));
    scratch.values_transposed.resize(static_cast<std::size_t>(longest * d));
    scratch.row.resize(static_cast<std::size_t>(longest));
    scratch.grad_row.resize(static_cast<std::size_t>(longest));
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
      head.dropout.seed += static_cast<std::uint64_t>(unit) * 0x9E3779B97F4A7C15ULL;
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
