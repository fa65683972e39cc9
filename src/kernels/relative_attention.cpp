#include "kernels/relative_attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/internal/attention_blocks.h"
#include "kernels/internal/distance_table.h"

namespace polytask::kernels {
namespace {

/// One head of one text, and what distances add to its scores.
struct RelativeHead {
  HeadView head;
  float scale = 0;                     ///< of the scores
  std::int32_t const* rows = nullptr;  ///< rows_of_text
  RelativeTables<float const> tables;  ///< of this head: rows `head.hidden` floats apart
  RelativeTables<float> grad_tables;   ///< added to
};

struct RelativeScratch {
  RelativeScratch(std::int64_t longest, std::int64_t d)
      : blocks(longest, d),
        key_columns(static_cast<std::size_t>(d * columns_width(longest, kLanes))),
        query_columns(key_columns.size()),
        grad_keys(static_cast<std::size_t>(2 * longest * d)),
        grad_queries(grad_keys.size()) {}
  Scratch blocks;
  std::vector<float> key_columns, query_columns;  ///< fill_columns of either table
  std::vector<float> grad_keys, grad_queries;     ///< [2 n - 1, d]: by column
};

[[gnu::always_inline]] inline Lanes const& at(float const* place) { return *reinterpret_cast<Lanes const*>(place); }
[[gnu::always_inline]] inline Lanes& at(float* place) { return *reinterpret_cast<Lanes*>(place); }

[[gnu::always_inline]] inline void lay_out(RelativeHead const& one, std::int64_t d, RelativeScratch& scratch) {
  auto const& head = one.head;
  std::int64_t const width = columns_width(head.n, kLanes);
  if (one.tables.keys != nullptr)
    fill_columns(head.n, d, one.rows, one.tables.keys, head.hidden, width, scratch.key_columns.data());
  if (one.tables.queries != nullptr)
    fill_columns(head.n, d, one.rows, one.tables.queries, head.hidden, width, scratch.query_columns.data());
}

/// Adds to the scores of query i what its distances to the keys say. query: [d], scaled.
[[gnu::always_inline]] inline void add_distances(RelativeHead const& one, std::int64_t d, std::int64_t i,
                                                 RelativeScratch const& scratch, float const* query, float* row) {
  std::int64_t const np = padded(one.head.n);
  std::int64_t const width = columns_width(one.head.n, kLanes);
  std::int64_t const shift = one.head.n - 1 - i;
  if (one.tables.keys != nullptr)
    for (std::int64_t j = 0; j < np; j += kLanes) {
      Lanes sum = at(row + j);
      for (std::int64_t k = 0; k < d; ++k) sum += query[k] * at(scratch.key_columns.data() + k * width + shift + j);
      at(row + j) = sum;
    }
  if (one.tables.queries != nullptr)
    for (std::int64_t j = 0; j < np; j += kLanes) {
      Lanes sum{};
      for (std::int64_t k = 0; k < d; ++k)
        sum += at(scratch.blocks.keys.data() + k * np + j) * at(scratch.query_columns.data() + k * width + shift + j);
      at(row + j) += sum * one.scale;
    }
}

/// Scores of a block's queries -> scratch.blocks.rows. Its scaled queries stand in scratch.blocks.left.
[[gnu::always_inline]] inline void score(RelativeHead const& one, std::int64_t d, std::int64_t i, Keys const& keys,
                                         RelativeScratch& scratch) {
  auto& blocks = scratch.blocks;
  std::int64_t const np = padded(one.head.n);
  gather(one.head, d, i, one.head.query, one.head.stride, one.scale, blocks.left.data());
  products(keys, np, d, blocks.left.data(), blocks.keys.data(), blocks.rows.data());
  for (std::int64_t r = 0; r < std::min(kQueries, one.head.n - i); ++r)
    add_distances(one, d, i + r, scratch, blocks.left.data() + r * d, blocks.rows.data() + r * np);
}

[[gnu::always_inline]] inline void forward(RelativeHead const& one, std::int64_t d, RelativeScratch& scratch,
                                           float* context, float* log_sum_exp) {
  auto const& head = one.head;
  auto& blocks = scratch.blocks;
  std::int64_t const np = padded(head.n);
  transpose(head, d, head.query + head.hidden, blocks.keys.data());
  lay_out(one, d, scratch);
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    Keys const keys = keys_of_block(head, i);
    score(one, d, i, keys, scratch);
    std::int64_t const n_rows = std::min(kQueries, head.n - i);
    for (std::int64_t r = 0; r < n_rows; ++r)
      log_sum_exp[(i + r) * head.heads] = soften(head, i + r, keys, blocks.rows.data() + r * np);
    weighted_sums(head, keys, d, blocks.rows.data(), head.query + 2 * head.hidden, blocks.sums.data());
    for (std::int64_t r = 0; r < n_rows; ++r)
      for (std::int64_t k = 0; k < d; ++k)
        context[(i + r) * head.hidden + k] = blocks.sums[static_cast<std::size_t>(r * d + k)];
  }
}

/// What the gradients of query i's scores, already scaled, say about its distances and what multiplied them. query:
/// [d], not scaled.
[[gnu::always_inline]] inline void backward_distances(RelativeHead const& one, std::int64_t d, std::int64_t i,
                                                      float const* grad_row, float const* query,
                                                      RelativeScratch& scratch, float* grad_query_row,
                                                      float* grad_keys) {
  auto const& head = one.head;
  std::int64_t const shift = head.n - 1 - i;
  float const* const key_rows = head.query + head.hidden;
  if (one.tables.keys != nullptr)
    for (std::int64_t j = 0; j < head.n; ++j) {
      float const* const of_distance = one.tables.keys + one.rows[shift + j] * head.hidden;
      float* const grad = scratch.grad_keys.data() + (shift + j) * d;
      for (std::int64_t k = 0; k < d; ++k) {
        grad_query_row[k] += grad_row[j] * of_distance[k];
        grad[k] += grad_row[j] * query[k];
      }
    }
  if (one.tables.queries != nullptr)
    for (std::int64_t j = 0; j < head.n; ++j) {
      float const* const of_distance = one.tables.queries + one.rows[shift + j] * head.hidden;
      float* const grad = scratch.grad_queries.data() + (shift + j) * d;
      for (std::int64_t k = 0; k < d; ++k) {
        grad_keys[j * head.stride + k] += grad_row[j] * of_distance[k];
        grad[k] += grad_row[j] * key_rows[j * head.stride + k];
      }
    }
}

/// Gradients by column -> those of the table's rows.
[[gnu::always_inline]] inline void add_to_table(RelativeHead const& one, std::int64_t d, float const* by_column,
                                                float* table) {
  if (table == nullptr) return;
  for (std::int64_t m = 0; m < 2 * one.head.n - 1; ++m)
    for (std::int64_t k = 0; k < d; ++k) table[one.rows[m] * one.head.hidden + k] += by_column[m * d + k];
}

[[gnu::always_inline]] inline void backward(RelativeHead const& one, std::int64_t d, RelativeScratch& scratch,
                                            float const* context, float const* log_sum_exp, float const* grad_context,
                                            float* grad_query) {
  auto const& head = one.head;
  auto& blocks = scratch.blocks;
  std::int64_t const np = padded(head.n);
  float* const left = blocks.left.data();
  float* const right = blocks.right.data();
  float* const rows = blocks.rows.data();
  float* const grad_rows = blocks.grad_rows.data();
  float const* const key_rows = head.query + head.hidden;
  transpose(head, d, key_rows, blocks.keys.data());
  transpose(head, d, head.query + 2 * head.hidden, blocks.values.data());
  lay_out(one, d, scratch);
  std::fill_n(scratch.grad_keys.begin(), 2 * head.n * d, 0.0F);
  std::fill_n(scratch.grad_queries.begin(), 2 * head.n * d, 0.0F);
  for (std::int64_t i = 0; i < head.n; ++i)
    for (std::int64_t part = 1; part < 3; ++part)
      for (std::int64_t k = 0; k < d; ++k) grad_query[i * head.stride + part * head.hidden + k] = 0.0F;
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    Keys const keys = keys_of_block(head, i);
    score(one, d, i, keys, scratch);
    gather(head, d, i, grad_context, head.hidden, 1.0F, right);
    products(keys, np, d, right, blocks.values.data(), grad_rows);
    std::int64_t const n_rows = std::min(kQueries, head.n - i);
    for (std::int64_t r = 0; r < kQueries; ++r) {
      if (r >= n_rows) {
        for (std::int64_t j = 0; j < np; ++j) rows[r * np + j] = grad_rows[r * np + j] = 0.0F;
        continue;
      }
      float dot = 0.0F;  // sum_j P_ij dP_ij = grad_out . out
      for (std::int64_t k = 0; k < d; ++k) dot += right[r * d + k] * context[(i + r) * head.hidden + k];
      backward_row(head, i + r, keys, log_sum_exp[(i + r) * head.heads], dot, one.scale, rows + r * np,
                   grad_rows + r * np);
    }
    weighted_sums(head, keys, d, grad_rows, key_rows, blocks.sums.data());
    gather(head, d, i, head.query, head.stride, 1.0F, left);
    for (std::int64_t r = 0; r < n_rows; ++r) {
      float* const sums = blocks.sums.data() + r * d;
      backward_distances(one, d, i + r, grad_rows + r * np, left + r * d, scratch, sums, grad_query + head.hidden);
      for (std::int64_t k = 0; k < d; ++k) grad_query[(i + r) * head.stride + k] = sums[k];
    }
    add_outer_products(head, keys, d, grad_rows, left, grad_query + head.hidden);
    add_outer_products(head, keys, d, rows, right, grad_query + 2 * head.hidden);
  }
  add_to_table(one, d, scratch.grad_keys.data(), one.grad_tables.keys);
  add_to_table(one, d, scratch.grad_queries.data(), one.grad_tables.queries);
}

// The head size of all published checkpoints gets its own code.
POLYTASK_SIMD_CLONES void forward_64(RelativeHead const& one, RelativeScratch& scratch, float* context,
                                     float* log_sum_exp) {
  forward(one, 64, scratch, context, log_sum_exp);
}
POLYTASK_SIMD_CLONES void forward_any(RelativeHead const& one, RelativeScratch& scratch, float* context,
                                      float* log_sum_exp) {
  forward(one, one.head.d, scratch, context, log_sum_exp);
}
POLYTASK_SIMD_CLONES void backward_64(RelativeHead const& one, RelativeScratch& scratch, float const* context,
                                      float const* log_sum_exp, float const* grad_context, float* grad_query) {
  backward(one, 64, scratch, context, log_sum_exp, grad_context, grad_query);
}
POLYTASK_SIMD_CLONES void backward_any(RelativeHead const& one, RelativeScratch& scratch, float const* context,
                                       float const* log_sum_exp, float const* grad_context, float* grad_query) {
  backward(one, one.head.d, scratch, context, log_sum_exp, grad_context, grad_query);
}

template <typename Value>
RelativeTables<Value> of_head(RelativeTables<Value> const& tables, std::int64_t first) {
  return {tables.keys != nullptr ? tables.keys + first : nullptr,
          tables.queries != nullptr ? tables.queries + first : nullptr};
}

/// Calls `work(head, scratch, first token, head index)` for every head of every text. A thread has a head of all texts:
/// what they add to the gradients of its columns of the tables is added in their order.
template <typename Work>
void for_each_head(RelativeShape const& shape, Dropout const& dropout, float const* qkv,
                   RelativeTables<float const> const& tables, RelativeTables<float> const& grad_tables,
                   Work const& work) {
  auto const offsets = shape.texts.offsets;
  auto const n_texts = static_cast<std::int64_t>(offsets.size()) - 1;
  std::int64_t const hidden = shape.texts.hidden;
  std::int64_t const heads = shape.texts.heads;
  std::int64_t const d = hidden / heads;
  std::int64_t longest = 0;
  for (std::size_t t = 0; t + 1 < offsets.size(); ++t)
    longest = std::max<std::int64_t>(longest, offsets[t + 1] - offsets[t]);
  if (longest == 0) return;
  auto const rows = rows_by_distance(shape.rows, longest);
  int const n_terms = 1 + (tables.keys != nullptr ? 1 : 0) + (tables.queries != nullptr ? 1 : 0);
  float const scale = 1.0F / std::sqrt(static_cast<float>(d * n_terms));
#pragma omp parallel
  {
    RelativeScratch scratch(longest, d);
#pragma omp for schedule(static)
    for (std::int64_t h = 0; h < heads; ++h)
      for (std::int64_t text = 0; text < n_texts; ++text) {
        std::int64_t const first = offsets[static_cast<std::size_t>(text)];
        std::int64_t const n = offsets[static_cast<std::size_t>(text) + 1] - first;
        if (n == 0) continue;
        HeadView head{.n = n,
                      .d = d,
                      .stride = 3 * hidden,
                      .hidden = hidden,
                      .heads = heads,
                      .dropout = dropout,
                      .query = qkv + first * 3 * hidden + h * d};
        head.dropout.seed = seed_of_unit(dropout.seed, static_cast<std::uint64_t>(text * heads + h));
        work(RelativeHead{head, scale, rows_of_text(rows, n), of_head(tables, h * d), of_head(grad_tables, h * d)},
             scratch, first, h);
      }
  }
}

}  // namespace

void relative_attention_forward(RelativeShape const& shape, Dropout const& dropout, float const* qkv,
                                RelativeTables<float const> const& tables, float* context, float* log_sum_exp) {
  std::int64_t const hidden = shape.texts.hidden;
  std::int64_t const heads = shape.texts.heads;
  for_each_head(shape, dropout, qkv, tables, {},
                [&](RelativeHead const& one, RelativeScratch& scratch, std::int64_t first, std::int64_t h) {
                  auto const of_size = one.head.d == 64 ? forward_64 : forward_any;
                  of_size(one, scratch, context + first * hidden + h * one.head.d, log_sum_exp + first * heads + h);
                });
}

void relative_attention_backward(RelativeShape const& shape, Dropout const& dropout, float const* qkv,
                                 RelativeTables<float const> const& tables, float const* context,
                                 float const* log_sum_exp, float const* grad_context, float* grad_qkv,
                                 RelativeTables<float> const& grad_tables) {
  std::int64_t const hidden = shape.texts.hidden;
  std::int64_t const heads = shape.texts.heads;
  for (auto* const table : {grad_tables.keys, grad_tables.queries})
    if (table != nullptr) std::fill_n(table, 2 * shape.rows.span * hidden, 0.0F);
  for_each_head(shape, dropout, qkv, tables, grad_tables,
                [&](RelativeHead const& one, RelativeScratch& scratch, std::int64_t first, std::int64_t h) {
                  auto const of_size = one.head.d == 64 ? backward_64 : backward_any;
                  std::int64_t const at = first * hidden + h * one.head.d;
                  of_size(one, scratch, context + at, log_sum_exp + first * heads + h, grad_context + at,
                          grad_qkv + first * 3 * hidden + h * one.head.d);
                });
}

}  // namespace polytask::kernels
