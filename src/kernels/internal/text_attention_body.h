// Attention of one text over floats: included once for each instruction set, with `kLanes`, the floats a vector, and
// the instructions chosen for all that follows. Nothing of the standard library is called here: the linker would take
// one file's copy of it for all.
#pragma once

#include "kernels/internal/attention_lanes.h"
#include "kernels/internal/distance_table.h"
#include "kernels/internal/simd.h"
#include "kernels/internal/text_attention_heads.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kQueries = kQueriesAtOnce;  // that share each key or value that is loaded
constexpr std::int64_t padded(std::int64_t n) { return whole_vectors(n); }

/// The keys that a block of queries looks at: whole vectors of them, of which the text's own end at `end`. A key has
/// the same place in its vector whatever the others are, so that a query's sums do not depend on them.
struct Keys {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t end = 0;
};

[[gnu::always_inline]] inline Keys keys_of_block(TextAttention<float> const& text, std::int64_t first,
                                                 std::int64_t n_rows) {
  std::int64_t const np = padded(text.n_keys);
  if (text.reach == 0) return {0, np, text.n_keys};
  std::int64_t low = text.n_keys;
  std::int64_t high = 0;
  for (std::int64_t r = first; r < first + n_rows; ++r) {
    low = smaller(low, text.place(r));
    high = greater(high, text.place(r));
  }
  std::int64_t const last = smaller(np, padded(high + text.reach + 1));
  return {greater(0, low - text.reach) / kLanes * kLanes, last, smaller(last, text.n_keys)};
}

/// Scores -> exponentials, in place, of the query at `place`; returns 1 / their sum.
[[gnu::always_inline]] inline float soften(Keys const& keys, std::int64_t place, std::int64_t reach, float* row) {
  for (std::int64_t j = keys.end; j < keys.last; ++j) row[j] = kNever;
  if (reach > 0) {
    for (std::int64_t j = keys.first; j < place - reach; ++j) row[j] = kNever;
    for (std::int64_t j = place + reach + 1; j < keys.end; ++j) row[j] = kNever;
  }
  Lanes largest = at(row + keys.first);
  for (std::int64_t j = keys.first + kLanes; j < keys.last; j += kLanes) largest = larger(at(row + j), largest);
  float const most = largest_of(largest);
  for (std::int64_t j = keys.first; j < keys.last; ++j) row[j] = exp_nonpositive(row[j] - most);
  Lanes sums{};
  for (std::int64_t j = keys.first; j < keys.last; j += kLanes) sums += at(row + j);
  return 1.0F / sum_of(sums);
}

/// Scores of the block's queries over `n_vectors` vectors of keys from key `first` on.
template <int n_vectors>
[[gnu::always_inline]] inline void score(float const* const (&queries)[kQueries], std::int64_t d, float const* keys,
                                         std::int64_t np, std::int64_t first, float scale, float* rows) {
  Lanes sums[kQueries][n_vectors] = {};
  for (std::int64_t k = 0; k < d; ++k)
    for (int v = 0; v < n_vectors; ++v) {
      Lanes const column = at(keys + k * np + first + v * kLanes);
      for (std::int64_t r = 0; r < kQueries; ++r) sums[r][v] += queries[r][k] * column;
    }
  for (std::int64_t r = 0; r < kQueries; ++r)
    for (int v = 0; v < n_vectors; ++v) at(rows + r * np + first + v * kLanes) = sums[r][v] * scale;
}

/// `n_vectors` vectors of the contexts: the values, each as often as its row says, divided by the row's sum.
template <int n_vectors>
[[gnu::always_inline]] inline void mix(Keys const& keys, float const* rows, std::int64_t np, float const* values,
                                       std::int64_t stride, float const (&inverse)[kQueries], std::int64_t n_rows,
                                       float* context, std::int64_t context_stride) {
  Lanes sums[kQueries][n_vectors] = {};
  for (std::int64_t j = keys.first; j < keys.end; ++j)
    for (int v = 0; v < n_vectors; ++v) {
      Lanes const value = at(values + j * stride + v * kLanes);
      for (std::int64_t r = 0; r < kQueries; ++r) sums[r][v] += rows[r * np + j] * value;
    }
  for (std::int64_t r = 0; r < n_rows; ++r)
    for (int v = 0; v < n_vectors; ++v) at(context + r * context_stride + v * kLanes) = sums[r][v] * inverse[r];
}

/// The tables of distances as one head reads them: [d, width] each.
struct Columns {
  std::int64_t width = 0;
  float* keys = nullptr;
  float* queries = nullptr;
};

[[gnu::always_inline]] inline Columns lay_out(TextAttention<float> const& text, std::int64_t head, std::int64_t d,
                                              float* room) {
  std::int64_t const width = columns_width(text.n_keys, kLanes);
  Columns const columns{width, room, room + d * width};
  auto const& [tables, stride, rows] = *text.distances;
  if (tables.keys != nullptr) fill_columns(text.n_keys, d, rows, tables.keys + head * d, stride, width, columns.keys);
  if (tables.queries != nullptr)
    fill_columns(text.n_keys, d, rows, tables.queries + head * d, stride, width, columns.queries);
  return columns;
}

/// Adds to the scores of the query at `place` what its distances to the keys say.
[[gnu::always_inline]] inline void add_distances(TextAttention<float> const& text, Columns const& columns,
                                                 std::int64_t place, std::int64_t d, float const* query,
                                                 float const* keys, float scale, float* row) {
  std::int64_t const np = padded(text.n_keys);
  std::int64_t const shift = text.n_keys - 1 - place;
  for (std::int64_t j = 0; j < np; j += kLanes) {
    Lanes sum{};
    if (text.distances->tables.keys != nullptr)
      for (std::int64_t k = 0; k < d; ++k) sum += query[k] * at(columns.keys + k * columns.width + shift + j);
    if (text.distances->tables.queries != nullptr)
      for (std::int64_t k = 0; k < d; ++k)
        sum += at(keys + k * np + j) * at(columns.queries + k * columns.width + shift + j);
    at(row + j) += sum * scale;
  }
}

[[gnu::always_inline]] inline std::int64_t n_terms(TextDistances const* distances) {
  if (distances == nullptr) return 1;
  return 1 + (distances->tables.keys != nullptr ? 1 : 0) + (distances->tables.queries != nullptr ? 1 : 0);
}

[[gnu::always_inline]] inline void attend_head(TextAttention<float> const& text, std::int64_t head, std::int64_t d,
                                               float* scratch) {
  std::int64_t const n = text.n_keys;
  std::int64_t const np = padded(n);
  float const scale = 1.0F / __builtin_sqrtf(static_cast<float>(d * n_terms(text.distances)));
  float* const keys = scratch;
  float* const rows = keys + d * np;
  float const* const values = text.keys + text.hidden + head * d;
  transpose(n, np, d, text.keys + head * d, text.key_stride, keys);
  Columns const columns = text.distances == nullptr ? Columns{} : lay_out(text, head, d, rows + kQueries * np);
  for (std::int64_t first = 0; first < text.n_queries; first += kQueries) {
    // The last block repeats its last query: what a query gets never depends on how many there are.
    float const* queries[kQueries];
    for (std::int64_t r = 0; r < kQueries; ++r)
      queries[r] = text.queries + smaller(first + r, text.n_queries - 1) * text.query_stride + head * d;
    std::int64_t const n_rows = smaller(kQueries, text.n_queries - first);
    Keys const seen = keys_of_block(text, first, n_rows);
    std::int64_t j = seen.first;
    for (; j + 2 * kLanes <= seen.last; j += 2 * kLanes) score<2>(queries, d, keys, np, j, scale, rows);
    if (j < seen.last) score<1>(queries, d, keys, np, j, scale, rows);
    float inverse[kQueries] = {};
    for (std::int64_t r = 0; r < n_rows; ++r) {
      if (text.distances != nullptr)
        add_distances(text, columns, text.place(first + r), d, queries[r], keys, scale, rows + r * np);
      inverse[r] = soften(seen, text.place(first + r), text.reach, rows + r * np);
    }
    std::int64_t k = 0;
    float* const context = text.context + first * text.hidden + head * d;
    for (; k + 2 * kLanes <= d; k += 2 * kLanes)
      mix<2>(seen, rows, np, values + k, text.key_stride, inverse, n_rows, context + k, text.hidden);
    if (k + kLanes <= d) {
      mix<1>(seen, rows, np, values + k, text.key_stride, inverse, n_rows, context + k, text.hidden);
      k += kLanes;
    }
    for (; k < d; ++k)
      for (std::int64_t r = 0; r < n_rows; ++r) {
        float sum = 0.0F;
        for (std::int64_t i = seen.first; i < seen.end; ++i) sum += rows[r * np + i] * values[i * text.key_stride + k];
        text.context[(first + r) * text.hidden + head * d + k] = sum * inverse[r];
      }
  }
}

// A head size that the compiler knows lets it unroll; the usual ones get their own code.
void attend_32(TextAttention<float> const& text, std::int64_t head, float* scratch) {
  attend_head(text, head, 32, scratch);
}
void attend_64(TextAttention<float> const& text, std::int64_t head, float* scratch) {
  attend_head(text, head, 64, scratch);
}
void attend_any(TextAttention<float> const& text, std::int64_t head, float* scratch) {
  attend_head(text, head, text.hidden / text.heads, scratch);
}

}  // namespace
}  // namespace polytask::kernels
