#include "kernels/text_attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/internal/bfloat16.h"
#include "kernels/internal/bfloat16_attention.h"
#include "kernels/internal/distance_table.h"
#include "kernels/internal/simd.h"
#include "kernels/rows.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kQueries = 4;  // that share each key or value that is loaded
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float)), may_alias, aligned(4)));
using Indices = std::int32_t __attribute__((vector_size(kLanes * sizeof(float))));
constexpr float kNever = -1.0e30F;  // the score of a place that is no token

[[gnu::always_inline]] inline Lanes& at(float* place) { return *reinterpret_cast<Lanes*>(place); }
[[gnu::always_inline]] inline Lanes const& at(float const* place) { return *reinterpret_cast<Lanes const*>(place); }

constexpr std::int64_t padded(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

/// Of each lane and the one `distance` further on, which is what a sum or a maximum over all needs at every halving.
template <int distance>
[[gnu::always_inline]] inline Lanes turned(Lanes x) {
  constexpr Indices kNext{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return __builtin_shuffle(x, (kNext + distance) & 15);
}
[[gnu::always_inline]] inline float sum_of(Lanes x) {
  x += turned<8>(x);
  x += turned<4>(x);
  x += turned<2>(x);
  return x[0] + x[1];
}
[[gnu::always_inline]] inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }
[[gnu::always_inline]] inline float largest_of(Lanes x) {
  x = larger(x, turned<8>(x));
  x = larger(x, turned<4>(x));
  x = larger(x, turned<2>(x));
  return x[0] > x[1] ? x[0] : x[1];
}

/// 16 rows of 16, in place: four rounds that interleave row i with row i + 8.
[[gnu::always_inline]] inline void transpose_block(Lanes (&rows)[kLanes]) {
  constexpr Indices kLow{0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
  constexpr Indices kHigh{8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
#pragma GCC unroll 4
  for (int round = 0; round < 4; ++round) {
    Lanes next[kLanes];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      next[2 * i] = __builtin_shuffle(rows[i], rows[i + 8], kLow);
      next[2 * i + 1] = __builtin_shuffle(rows[i], rows[i + 8], kHigh);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) rows[i] = next[i];
  }
}

/// keys [n, d] -> [d, padded n], zeros where there is no key.
[[gnu::always_inline]] inline void transpose(std::int64_t n, std::int64_t d, float const* keys, std::int64_t stride,
                                             float* out) {
  std::int64_t const np = padded(n);
  std::int64_t k = 0;
  for (; k + kLanes <= d; k += kLanes)
    for (std::int64_t first = 0; first < np; first += kLanes) {
      Lanes rows[kLanes];
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < kLanes; ++i) rows[i] = first + i < n ? at(keys + (first + i) * stride + k) : Lanes{};
      transpose_block(rows);
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < kLanes; ++i) at(out + (k + i) * np + first) = rows[i];
    }
  for (; k < d; ++k)
    for (std::int64_t j = 0; j < np; ++j) out[k * np + j] = j < n ? keys[j * stride + k] : 0.0F;
}

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
    low = std::min(low, text.place(r));
    high = std::max(high, text.place(r));
  }
  std::int64_t const last = std::min(np, padded(high + text.reach + 1));
  return {std::max<std::int64_t>(0, low - text.reach) / kLanes * kLanes, last, std::min(last, text.n_keys)};
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
  float const scale = 1.0F / std::sqrt(static_cast<float>(d * n_terms(text.distances)));
  float* const keys = scratch;
  float* const rows = keys + d * np;
  float const* const values = text.keys + text.hidden + head * d;
  transpose(n, d, text.keys + head * d, text.key_stride, keys);
  Columns const columns = text.distances == nullptr ? Columns{} : lay_out(text, head, d, rows + kQueries * np);
  for (std::int64_t first = 0; first < text.n_queries; first += kQueries) {
    // The last block repeats its last query: what a query gets never depends on how many there are.
    float const* queries[kQueries];
    for (std::int64_t r = 0; r < kQueries; ++r)
      queries[r] = text.queries + std::min(first + r, text.n_queries - 1) * text.query_stride + head * d;
    std::int64_t const n_rows = std::min(kQueries, text.n_queries - first);
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
POLYTASK_SIMD_CLONES void attend_32(TextAttention<float> const& text, std::int64_t head, float* scratch) {
  attend_head(text, head, 32, scratch);
}
POLYTASK_SIMD_CLONES void attend_64(TextAttention<float> const& text, std::int64_t head, float* scratch) {
  attend_head(text, head, 64, scratch);
}
POLYTASK_SIMD_CLONES void attend_any(TextAttention<float> const& text, std::int64_t head, float* scratch) {
  attend_head(text, head, text.hidden / text.heads, scratch);
}

float* room(AttentionScratch& scratch, std::int64_t n) {
  if (scratch.size() < static_cast<std::size_t>(n)) scratch.resize(static_cast<std::size_t>(n));
  return scratch.data();
}

/// What attend_head works in.
template <typename Value>
std::int64_t floats_of_head(TextAttention<Value> const& text, std::int64_t d) {
  std::int64_t const columns = text.distances == nullptr ? 0 : 2 * d * columns_width(text.n_keys, kLanes);
  return (d + kQueries) * padded(text.n_keys) + columns;
}

void to_floats(std::int64_t n, std::uint16_t const* halves, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = from_bfloat16(halves[i]);
}

}  // namespace

void attend(TextAttention<float> const& text, std::int64_t first_head, std::int64_t last_head,
            AttentionScratch& scratch) {
  if (text.n_queries == 0) return;
  std::int64_t const d = text.hidden / text.heads;
  float* const work = room(scratch, floats_of_head(text, d));
  auto const one = d == 32 ? attend_32 : d == 64 ? attend_64 : attend_any;
  for (std::int64_t head = first_head; head < last_head; ++head) one(text, head, work);
}

void attend(TextAttention<std::uint16_t> const& text, std::int64_t first_head, std::int64_t last_head,
            AttentionScratch& scratch, [[maybe_unused]] InstructionSet instructions) {
  if (text.n_queries == 0) return;
  std::int64_t const d = text.hidden / text.heads;
#ifdef POLYTASK_X86_KERNELS
  bool const sees_all = text.reach == 0 || text.n_keys - 1 <= text.reach;
  if (instructions >= InstructionSet::Avx512Bf16 && (d == 32 || d == 64) && sees_all && text.distances == nullptr) {
    constexpr std::int64_t kMostWithoutTiles = 16;  // which such texts would hardly fill
    if (instructions >= InstructionSet::Amx && text.n_keys > kMostWithoutTiles)
      attend_on_tiles(text, first_head, last_head, room(scratch, tile_attention_scratch(text.n_keys, d)));
    else
      attend_bfloat16(text, first_head, last_head, room(scratch, bfloat16_attention_scratch(text.n_keys, d)));
    return;
  }
#endif
  // As floats, one head at a time.
  std::int64_t const n_queries = text.n_queries * d;
  std::int64_t const n_keys = text.n_keys * d;
  std::int64_t const n_work = floats_of_head(text, d);
  float* const work = room(scratch, n_work + 2 * n_queries + 2 * n_keys);
  float* const queries = work + n_work;
  float* const keys = queries + n_queries;
  float* const context = keys + 2 * n_keys;
  for (std::int64_t head = first_head; head < last_head; ++head) {
    for (std::int64_t i = 0; i < text.n_queries; ++i)
      to_floats(d, text.queries + i * text.query_stride + head * d, queries + i * d);
    for (std::int64_t i = 0; i < text.n_keys; ++i) {
      to_floats(d, text.keys + i * text.key_stride + head * d, keys + i * 2 * d);
      to_floats(d, text.keys + i * text.key_stride + text.hidden + head * d, keys + i * 2 * d + d);
    }
    TextDistances distances;
    if (text.distances != nullptr) {
      distances = *text.distances;
      if (distances.tables.keys != nullptr) distances.tables.keys += head * d;
      if (distances.tables.queries != nullptr) distances.tables.queries += head * d;
    }
    attend_any({.hidden = d,
                .heads = 1,
                .n_queries = text.n_queries,
                .queries = queries,
                .query_stride = d,
                .n_keys = text.n_keys,
                .keys = keys,
                .key_stride = 2 * d,
                .context = context,
                .places = text.places,
                .reach = text.reach,
                .distances = text.distances != nullptr ? &distances : nullptr},
               0, work);
    for (std::int64_t i = 0; i < text.n_queries; ++i)
      convert_rows(1, d, context + i * d, {Precision::BFloat16, text.context + i * text.hidden + head * d, nullptr});
  }
}

}  // namespace polytask::kernels
