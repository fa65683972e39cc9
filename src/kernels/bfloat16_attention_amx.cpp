// Attention in bfloat16 on matrix tiles (AMX): 16 queries times 16 keys, then 16 queries times 16 places of the values.
// Keys in pairs along the head and values in pairs along the text are tiles as they lie.
#include "kernels/internal/bfloat16_attention.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>
#pragma GCC target("arch=x86-64-v4,avx512bf16,amx-tile,amx-bf16")
#include "kernels/internal/bfloat16_attention_steps.h"
#include "kernels/internal/matrix_tiles.h"

namespace polytask::kernels {
namespace {

constexpr int64_t kKeysAtOnce = 32;  ///< a tile's row of weights

/// The compiler does not know that tiles read memory.
[[gnu::always_inline]] inline void write_before_tiles() { asm volatile("" : : : "memory"); }

/// 16 keys, from `first` on: scores of a tile of queries.
template <int d>
[[gnu::always_inline]] inline void score(Half const* queries, int64_t stride, Work const& work, int64_t np,
                                         int64_t first) {
  _tile_zero(0);
  _tile_loadd(4, queries, stride * 2);
  _tile_loadd(6, work.keys + first, np * 4);
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (d == 64) {
    _tile_loadd(5, queries + 32, stride * 2);
    _tile_loadd(7, work.keys + 16 * np + first, np * 4);
    _tile_dpbf16ps(0, 5, 7);
  }
  _tile_stored(0, work.scores + first, np * 4);
}

/// Sums of values by weights: [queries, d].
template <int d>
[[gnu::always_inline]] inline void mix(Work const& work, int64_t np, float* sums) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t j = 0; j < np; j += kKeysAtOnce) {
    std::int32_t const* const values = work.values + j / 2 * d;
    _tile_loadd(4, work.weights + j, np * 2);
    _tile_loadd(6, values, d * 4);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, values + 16, d * 4);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (d == 64) {
      _tile_loadd(6, values + 32, d * 4);
      _tile_dpbf16ps(2, 4, 6);
      _tile_loadd(7, values + 48, d * 4);
      _tile_dpbf16ps(3, 4, 7);
    }
  }
  _tile_stored(0, sums, d * 4);
  _tile_stored(1, sums + 16, d * 4);
  if constexpr (d == 64) {
    _tile_stored(2, sums + 32, d * 4);
    _tile_stored(3, sums + 48, d * 4);
  }
}

template <int d>
void attend_block(TextAttention<Half> const& text, int64_t head, int64_t first, int64_t n_rows, Work const& work,
                  int64_t np) {
  Half const* const queries = text.queries + first * text.query_stride + head * d;
  for (int64_t at = 0; at < text.n_keys; at += kTileRows) score<d>(queries, text.query_stride, work, np, at);
  float const scale = 1.0F / __builtin_sqrtf(static_cast<float>(d));
  float inverse[kTileRows];
  for (int64_t i = 0; i < n_rows; ++i)
    inverse[i] = soften(text.n_keys, np, scale, work.scores + i * np, work.weights + i * np);
  alignas(64) float sums[kTileRows * d];
  write_before_tiles();
  mix<d>(work, np, sums);
  for (int64_t i = 0; i < n_rows; ++i)
    for (int64_t k = 0; k < d; k += kLanes) {
      __m512 const context = _mm512_mul_ps(_mm512_loadu_ps(sums + i * d + k), _mm512_set1_ps(inverse[i]));
      Half* const out = text.context + (first + i) * text.hidden + head * d + k;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(context)));
    }
}

/// Of more than 16 queries, the last tile takes the last 16: what two compute is the same.
template <int d>
void attend_head(TextAttention<Half> const& text, int64_t head, Work const& work, int64_t np) {
  arrange<d>(text, head, work, np);
  write_before_tiles();
  int64_t const n_rows = text.n_queries < kTileRows ? text.n_queries : kTileRows;
  int64_t first = 0;
  for (; first + n_rows <= text.n_queries; first += n_rows) attend_block<d>(text, head, first, n_rows, work, np);
  if (first < text.n_queries) attend_block<d>(text, head, text.n_queries - n_rows, n_rows, work, np);
}

}  // namespace

int64_t tile_attention_scratch(int64_t n_keys, int64_t head_size) {
  int64_t const np = padded(n_keys, kKeysAtOnce);
  return (head_size + kTileRows + kTileRows / 2) * np;
}

void attend_on_tiles(TextAttention<Half> const& text, int64_t first_head, int64_t last_head, float* scratch) {
  int64_t const d = text.hidden / text.heads;
  int64_t const np = padded(text.n_keys, kKeysAtOnce);
  Work const work = divide(scratch, d, np, kTileRows);
  shape_tiles(text.n_queries);
  for (int64_t head = first_head; head < last_head; ++head)
    if (d == 32)
      attend_head<32>(text, head, work, np);
    else
      attend_head<64>(text, head, work, np);
  _tile_release();
}

}  // namespace polytask::kernels
#endif
