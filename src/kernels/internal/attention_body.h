// Attention of one head of one text in training, forward and backward: included once for each instruction set, as
// internal/attention_blocks.h says.
#pragma once

#include "kernels/internal/attention_blocks.h"
#include "kernels/internal/distance_table.h"

namespace polytask::kernels {
namespace {

[[gnu::always_inline]] inline void forward(HeadView const& head, std::int64_t d, HeadWork const& work, float* context,
                                           float* log_sum_exp) {
  float const scale = 1.0F / __builtin_sqrtf(static_cast<float>(d));
  std::int64_t const np = padded(head.n);
  float* const left = work.left;
  float* const rows = work.rows;
  float* const sums = work.sums;
  transpose(head.n, np, d, head.query + head.hidden, head.stride, work.keys);
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    Keys const keys = keys_of_block(head, i);
    gather(head, d, i, head.query, head.stride, scale, left);
    products(keys, np, d, left, work.keys, rows);
    std::int64_t const n_rows = smaller(kQueries, head.n - i);
    soften(head, i, keys, rows, log_sum_exp);
    weighted_sums(head, keys, d, rows, head.query + 2 * head.hidden, sums);
    for (std::int64_t r = 0; r < n_rows; ++r)
      for (std::int64_t k = 0; k < d; ++k) context[(i + r) * head.hidden + k] = sums[r * d + k];
  }
}

[[gnu::always_inline]] inline void backward(HeadView const& head, std::int64_t d, HeadWork const& work,
                                            float const* context, float const* log_sum_exp, float const* grad_context,
                                            float* grad_query) {
  float const scale = 1.0F / __builtin_sqrtf(static_cast<float>(d));
  std::int64_t const np = padded(head.n);
  float* const left = work.left;
  float* const right = work.right;
  float* const rows = work.rows;
  float* const grad_rows = work.grad_rows;
  float* const sums = work.sums;
  float const* const key_rows = head.query + head.hidden;
  transpose(head.n, np, d, key_rows, head.stride, work.keys);
  transpose(head.n, np, d, head.query + 2 * head.hidden, head.stride, work.values);
  for (std::int64_t i = 0; i < head.n; ++i)
    for (std::int64_t part = 1; part < 3; ++part)
      for (std::int64_t k = 0; k < d; ++k) grad_query[i * head.stride + part * head.hidden + k] = 0.0F;
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    Keys const keys = keys_of_block(head, i);
    gather(head, d, i, head.query, head.stride, scale, left);
    gather(head, d, i, grad_context, head.hidden, 1.0F, right);
    products(keys, np, d, left, work.keys, rows);
    products(keys, np, d, right, work.values, grad_rows);
    std::int64_t const n_rows = smaller(kQueries, head.n - i);
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

[[gnu::always_inline]] inline void lay_out(RelativeHead const& one, std::int64_t d, RelativeWork const& work) {
  auto const& head = one.head;
  std::int64_t const width = columns_width(head.n, kMostLanes);
  if (one.tables.keys != nullptr)
    fill_columns(head.n, d, one.rows, one.tables.keys, head.hidden, width, work.key_columns);
  if (one.tables.queries != nullptr)
    fill_columns(head.n, d, one.rows, one.tables.queries, head.hidden, width, work.query_columns);
}

/// Adds to the scores of query i what its distances to the keys say. query: [d], scaled.
[[gnu::always_inline]] inline void add_distances(RelativeHead const& one, std::int64_t d, std::int64_t i,
                                                 RelativeWork const& work, float const* query, float* row) {
  std::int64_t const np = padded(one.head.n);
  std::int64_t const width = columns_width(one.head.n, kMostLanes);
  std::int64_t const shift = one.head.n - 1 - i;
  if (one.tables.keys != nullptr)
    for (std::int64_t j = 0; j < np; j += kLanes) {
      Lanes sum = at(row + j);
      for (std::int64_t k = 0; k < d; ++k) sum += query[k] * at(work.key_columns + k * width + shift + j);
      at(row + j) = sum;
    }
  if (one.tables.queries != nullptr)
    for (std::int64_t j = 0; j < np; j += kLanes) {
      Lanes sum{};
      for (std::int64_t k = 0; k < d; ++k)
        sum += at(work.blocks.keys + k * np + j) * at(work.query_columns + k * width + shift + j);
      at(row + j) += sum * one.scale;
    }
}

/// Scores of a block's queries -> work.blocks.rows. Its scaled queries stand in work.blocks.left.
[[gnu::always_inline]] inline void score(RelativeHead const& one, std::int64_t d, std::int64_t i, Keys const& keys,
                                         RelativeWork const& work) {
  auto const& blocks = work.blocks;
  std::int64_t const np = padded(one.head.n);
  gather(one.head, d, i, one.head.query, one.head.stride, one.scale, blocks.left);
  products(keys, np, d, blocks.left, blocks.keys, blocks.rows);
  for (std::int64_t r = 0; r < smaller(kQueries, one.head.n - i); ++r)
    add_distances(one, d, i + r, work, blocks.left + r * d, blocks.rows + r * np);
}

[[gnu::always_inline]] inline void forward(RelativeHead const& one, std::int64_t d, RelativeWork const& work,
                                           float* context, float* log_sum_exp) {
  auto const& head = one.head;
  auto const& blocks = work.blocks;
  std::int64_t const np = padded(head.n);
  transpose(head.n, np, d, head.query + head.hidden, head.stride, blocks.keys);
  lay_out(one, d, work);
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    Keys const keys = keys_of_block(head, i);
    score(one, d, i, keys, work);
    std::int64_t const n_rows = smaller(kQueries, head.n - i);
    soften(head, i, keys, blocks.rows, log_sum_exp);
    weighted_sums(head, keys, d, blocks.rows, head.query + 2 * head.hidden, blocks.sums);
    for (std::int64_t r = 0; r < n_rows; ++r)
      for (std::int64_t k = 0; k < d; ++k) context[(i + r) * head.hidden + k] = blocks.sums[r * d + k];
  }
}

/// What the gradients of query i's scores, already scaled, say about its distances and what multiplied them. query:
/// [d], not scaled.
[[gnu::always_inline]] inline void backward_distances(RelativeHead const& one, std::int64_t d, std::int64_t i,
                                                      float const* grad_row, float const* query,
                                                      RelativeWork const& work, float* grad_query_row,
                                                      float* grad_keys) {
  auto const& head = one.head;
  std::int64_t const shift = head.n - 1 - i;
  float const* const key_rows = head.query + head.hidden;
  if (one.tables.keys != nullptr)
    for (std::int64_t j = 0; j < head.n; ++j) {
      float const* const of_distance = one.tables.keys + one.rows[shift + j] * head.hidden;
      float* const grad = work.grad_keys + (shift + j) * d;
      for (std::int64_t k = 0; k < d; ++k) {
        grad_query_row[k] += grad_row[j] * of_distance[k];
        grad[k] += grad_row[j] * query[k];
      }
    }
  if (one.tables.queries != nullptr)
    for (std::int64_t j = 0; j < head.n; ++j) {
      float const* const of_distance = one.tables.queries + one.rows[shift + j] * head.hidden;
      float* const grad = work.grad_queries + (shift + j) * d;
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

[[gnu::always_inline]] inline void backward(RelativeHead const& one, std::int64_t d, RelativeWork const& work,
                                            float const* context, float const* log_sum_exp, float const* grad_context,
                                            float* grad_query) {
  auto const& head = one.head;
  auto const& blocks = work.blocks;
  std::int64_t const np = padded(head.n);
  float* const left = blocks.left;
  float* const right = blocks.right;
  float* const rows = blocks.rows;
  float* const grad_rows = blocks.grad_rows;
  float const* const key_rows = head.query + head.hidden;
  transpose(head.n, np, d, key_rows, head.stride, blocks.keys);
  transpose(head.n, np, d, head.query + 2 * head.hidden, head.stride, blocks.values);
  lay_out(one, d, work);
  for (std::int64_t j = 0; j < 2 * head.n * d; ++j) work.grad_keys[j] = work.grad_queries[j] = 0.0F;
  for (std::int64_t i = 0; i < head.n; ++i)
    for (std::int64_t part = 1; part < 3; ++part)
      for (std::int64_t k = 0; k < d; ++k) grad_query[i * head.stride + part * head.hidden + k] = 0.0F;
  for (std::int64_t i = 0; i < head.n; i += kQueries) {
    Keys const keys = keys_of_block(head, i);
    score(one, d, i, keys, work);
    gather(head, d, i, grad_context, head.hidden, 1.0F, right);
    products(keys, np, d, right, blocks.values, grad_rows);
    std::int64_t const n_rows = smaller(kQueries, head.n - i);
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
    weighted_sums(head, keys, d, grad_rows, key_rows, blocks.sums);
    gather(head, d, i, head.query, head.stride, 1.0F, left);
    for (std::int64_t r = 0; r < n_rows; ++r) {
      float* const sums = blocks.sums + r * d;
      backward_distances(one, d, i + r, grad_rows + r * np, left + r * d, work, sums, grad_query + head.hidden);
      for (std::int64_t k = 0; k < d; ++k) grad_query[(i + r) * head.stride + k] = sums[k];
    }
    add_outer_products(head, keys, d, grad_rows, left, grad_query + head.hidden);
    add_outer_products(head, keys, d, rows, right, grad_query + 2 * head.hidden);
  }
  add_to_table(one, d, work.grad_keys, one.grad_tables.keys);
  add_to_table(one, d, work.grad_queries, one.grad_tables.queries);
}

// A head size that the compiler knows lets it unroll; the usual ones get their own code.
void forward_of_size(HeadView const& head, HeadWork const& work, float* context, float* log_sum_exp) {
  if (head.d == 32) return forward(head, 32, work, context, log_sum_exp);
  if (head.d == 64) return forward(head, 64, work, context, log_sum_exp);
  forward(head, head.d, work, context, log_sum_exp);
}
void backward_of_size(HeadView const& head, HeadWork const& work, float const* context, float const* log_sum_exp,
                      float const* grad_context, float* grad_query) {
  if (head.d == 32) return backward(head, 32, work, context, log_sum_exp, grad_context, grad_query);
  if (head.d == 64) return backward(head, 64, work, context, log_sum_exp, grad_context, grad_query);
  backward(head, head.d, work, context, log_sum_exp, grad_context, grad_query);
}
void relative_forward_of_size(RelativeHead const& one, RelativeWork const& work, float* context, float* log_sum_exp) {
  if (one.head.d == 64) return forward(one, 64, work, context, log_sum_exp);  // of all published checkpoints
  forward(one, one.head.d, work, context, log_sum_exp);
}
void relative_backward_of_size(RelativeHead const& one, RelativeWork const& work, float const* context,
                               float const* log_sum_exp, float const* grad_context, float* grad_query) {
  if (one.head.d == 64) return backward(one, 64, work, context, log_sum_exp, grad_context, grad_query);
  backward(one, one.head.d, work, context, log_sum_exp, grad_context, grad_query);
}

constexpr AttentionOfHeads kAttentionOfHeads{forward_of_size, backward_of_size, relative_forward_of_size,
                                             relative_backward_of_size};

}  // namespace
}  // namespace polytask::kernels
