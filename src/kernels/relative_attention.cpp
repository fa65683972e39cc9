#include "kernels/relative_attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/internal/attention_heads.h"
#include "kernels/internal/distance_table.h"

namespace polytask::kernels {
namespace {

class RelativeRoom {
 public:
  RelativeRoom(std::int64_t longest, std::int64_t d)
      : blocks_(longest, d),
        key_columns_(static_cast<std::size_t>(d * columns_width(longest, kMostLanes))),
        query_columns_(key_columns_.size()),
        grad_keys_(static_cast<std::size_t>(2 * longest * d)),
        grad_queries_(grad_keys_.size()) {}
  [[nodiscard]] RelativeWork work() {
    return {blocks_.work(), key_columns_.data(), query_columns_.data(), grad_keys_.data(), grad_queries_.data()};
  }

 private:
  HeadRoom blocks_;
  std::vector<float> key_columns_, query_columns_, grad_keys_, grad_queries_;
};

template <typename Value>
RelativeTables<Value> of_head(RelativeTables<Value> const& tables, std::int64_t first) {
  return {tables.keys != nullptr ? tables.keys + first : nullptr,
          tables.queries != nullptr ? tables.queries + first : nullptr};
}

/// Calls `work(head, room, first token, head index)` for every head of every text. A thread has a head of all texts:
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
    RelativeRoom room(longest, d);
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
             room.work(), first, h);
      }
  }
}

}  // namespace

void relative_attention_forward(RelativeShape const& shape, Dropout const& dropout, float const* qkv,
                                RelativeTables<float const> const& tables, float* context, float* log_sum_exp) {
  std::int64_t const hidden = shape.texts.hidden;
  std::int64_t const heads = shape.texts.heads;
  for_each_head(shape, dropout, qkv, tables, {},
                [&](RelativeHead const& one, RelativeWork const& room, std::int64_t first, std::int64_t h) {
                  attention_of_heads().relative_forward(one, room, context + first * hidden + h * one.head.d,
                                                        log_sum_exp + first * heads + h);
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
                [&](RelativeHead const& one, RelativeWork const& room, std::int64_t first, std::int64_t h) {
                  std::int64_t const at = first * hidden + h * one.head.d;
                  attention_of_heads().relative_backward(one, room, context + at, log_sum_exp + first * heads + h,
                                                         grad_context + at,
                                                         grad_qkv + first * 3 * hidden + h * one.head.d);
                });
}

}  // namespace polytask::kernels
