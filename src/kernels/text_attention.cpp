#include "kernels/text_attention.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/internal/bfloat16_attention.h"
#include "kernels/internal/simd.h"
#include "kernels/rows.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kQueries = 4;  // that share each key or value that is loaded
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float)), may_alias, aligned(4)));
constexpr float kNever = -1.0e30F;  // the score of a place that is no token

[[gnu::always_inline]] inline Lanes& at(float* place) { return *reinterpret_cast<Lanes*>(place); }
[[gnu::always_inline]] inline Lanes const& at(float const* place) { return *reinterpret_cast<Lanes const*>(place); }

constexpr std::int64_t padded(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

/// keys [n, d] -> [d, padded n], zeros where there is no key.
[[gnu::always_inline]] inline void transpose(std::int64_t n, std::int64_t d, float const* keys, std::int64_t stride,
                                             float* out) {
  std::int64_t const np = padded(n);
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t k = 0; k < d; ++k) out[k * np + j] = keys[j * stride + k];
  for (std::int64_t k = 0; k < d; ++k)
    for (std::int64_t j = n; j < np; ++j) out[k * np + j] = 0.0F;
}

/// Scores -> exponentials, in place; returns 1 / their sum.
[[gnu::always_inline]] inline float soften(std::int64_t n, float* row) {
  std::int64_t const np = padded(n);
  for (std::int64_t j = n; j < np; ++j) row[j] = kNever;
  Lanes largest = at(row);
  for (std::int64_t j = kLanes; j < np; j += kLanes) {
    Lanes const here = at(row + j);
    largest = here > largest ? here : largest;
  }
  float most = largest[0];
  for (std::int64_t i = 1; i < kLanes; ++i) most = largest[i] > most ? largest[i] : most;
  for (std::int64_t j = 0; j < np; ++j) row[j] = exp_nonpositive(row[j] - most);
  Lanes sums{};
  for (std::int64_t j = 0; j < np; j += kLanes) sums += at(row + j);
  float sum = 0.0F;
  for (std::int64_t i = 0; i < kLanes; ++i) sum += sums[i];
  return 1.0F / sum;
}

[[gnu::always_inline]] inline void attend_head(TextAttention<float> const& text, std::int64_t head, std::int64_t d,
                                               float* scratch) {
  std::int64_t const n = text.n_keys;
  std::int64_t const np = padded(n);
  float const scale = 1.0F / std::sqrt(static_cast<float>(d));
  float* const keys = scratch;
  float* const rows = keys + d * np;
  float const* const values = text.keys + text.hidden + head * d;
  transpose(n, d, text.keys + head * d, text.key_stride, keys);
  for (std::int64_t first = 0; first < text.n_queries; first += kQueries) {
    // The last block repeats its last query: what a query gets never depends on how many there are.
    float const* queries[kQueries];
    for (std::int64_t r = 0; r < kQueries; ++r)
      queries[r] = text.queries + std::min(first + r, text.n_queries - 1) * text.query_stride + head * d;
    for (std::int64_t j = 0; j < np; j += kLanes) {
      Lanes sums[kQueries] = {};
      for (std::int64_t k = 0; k < d; ++k) {
        Lanes const column = at(keys + k * np + j);
        for (std::int64_t r = 0; r < kQueries; ++r) sums[r] += queries[r][k] * column;
      }
      for (std::int64_t r = 0; r < kQueries; ++r) at(rows + r * np + j) = sums[r] * scale;
    }
    std::int64_t const n_rows = std::min(kQueries, text.n_queries - first);
    float inverse[kQueries] = {};
    for (std::int64_t r = 0; r < n_rows; ++r) inverse[r] = soften(n, rows + r * np);
    std::int64_t k = 0;
    for (; k + kLanes <= d; k += kLanes) {
      Lanes sums[kQueries] = {};
      for (std::int64_t j = 0; j < n; ++j) {
        Lanes const value = at(values + j * text.key_stride + k);
        for (std::int64_t r = 0; r < kQueries; ++r) sums[r] += rows[r * np + j] * value;
      }
      for (std::int64_t r = 0; r < n_rows; ++r)
        at(text.context + (first + r) * text.hidden + head * d + k) = sums[r] * inverse[r];
    }
    for (; k < d; ++k)
      for (std::int64_t r = 0; r < n_rows; ++r) {
        float sum = 0.0F;
        for (std::int64_t j = 0; j < n; ++j) sum += rows[r * np + j] * values[j * text.key_stride + k];
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

void to_floats(std::int64_t n, std::uint16_t const* halves, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(halves[i]) << 16U);
}

}  // namespace

void attend(TextAttention<float> const& text, std::int64_t first_head, std::int64_t last_head,
            AttentionScratch& scratch) {
  if (text.n_queries == 0) return;
  std::int64_t const d = text.hidden / text.heads;
  float* const work = room(scratch, (d + kQueries) * padded(text.n_keys));
  auto const one = d == 32 ? attend_32 : d == 64 ? attend_64 : attend_any;
  for (std::int64_t head = first_head; head < last_head; ++head) one(text, head, work);
}

void attend(TextAttention<std::uint16_t> const& text, std::int64_t first_head, std::int64_t last_head,
            AttentionScratch& scratch, [[maybe_unused]] InstructionSet instructions) {
  if (text.n_queries == 0) return;
  std::int64_t const d = text.hidden / text.heads;
#ifdef POLYTASK_X86_KERNELS
  if (instructions >= InstructionSet::Avx512Bf16 && (d == 32 || d == 64)) {
    float* const work = room(scratch, bfloat16_attention_scratch(text.n_keys, d));
    for (std::int64_t head = first_head; head < last_head; ++head) attend_head_bfloat16(text, head, work);
    return;
  }
#endif
  // As floats, one head at a time.
  std::int64_t const n_queries = text.n_queries * d;
  std::int64_t const n_keys = text.n_keys * d;
  std::int64_t const n_work = (d + kQueries) * padded(text.n_keys);
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
    attend_any({.hidden = d,
                .heads = 1,
                .n_queries = text.n_queries,
                .queries = queries,
                .query_stride = d,
                .n_keys = text.n_keys,
                .keys = keys,
                .key_stride = 2 * d,
                .context = context},
               0, work);
    for (std::int64_t i = 0; i < text.n_queries; ++i)
      convert_rows(1, d, context + i * d, {Precision::BFloat16, text.context + i * text.hidden + head * d, nullptr});
  }
}

}  // namespace polytask::kernels
