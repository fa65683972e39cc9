// What attention in bfloat16 does around its products, in vectors of AVX-512; the including file has set the target.
#pragma once

#include <immintrin.h>
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of GCC 12 about its own intrinsics (its bug 105593)

#include "kernels/internal/bfloat16_attention.h"

namespace polytask::kernels {
namespace {

using std::int64_t;
using Half = std::uint16_t;

constexpr int64_t kLanes = 16;

constexpr int64_t padded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/// 16 rows of 16 pairs, in place: first 4 x 4 inside each quarter of the vectors, then the quarters.
[[gnu::always_inline]] inline void transpose(__m512i (&rows)[16]) {
  __m512i two[16], four[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    two[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    two[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      four[i + 2 * j] = _mm512_unpacklo_epi64(two[i + j], two[i + 2 + j]);
      four[i + 2 * j + 1] = _mm512_unpackhi_epi64(two[i + j], two[i + 2 + j]);
    }
    // four[4 g + c] holds, quarter q, column 4 q + c of rows 4 g .. 4 g + 3.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    __m512i const a = _mm512_shuffle_i32x4(four[c], four[4 + c], 0x88);
    __m512i const b = _mm512_shuffle_i32x4(four[8 + c], four[12 + c], 0x88);
    __m512i const d = _mm512_shuffle_i32x4(four[c], four[4 + c], 0xDD);
    __m512i const e = _mm512_shuffle_i32x4(four[8 + c], four[12 + c], 0xDD);
    rows[c] = _mm512_shuffle_i32x4(a, b, 0x88);
    rows[8 + c] = _mm512_shuffle_i32x4(a, b, 0xDD);
    rows[4 + c] = _mm512_shuffle_i32x4(d, e, 0x88);
    rows[12 + c] = _mm512_shuffle_i32x4(d, e, 0xDD);
  }
}

/// e^x for x <= 0, to the precision of bfloat16: 2^n times a polynomial on [-1/2, 1/2].
[[gnu::always_inline]] inline __m512 power_of_two(__m512 x) {
  __m512 const n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 const r = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(9.6181291e-3F);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.5504109e-2F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4022651e-1F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.9314718e-1F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0F));
  return _mm512_scalef_ps(p, n);
}

/// Where a head's work lies in the scratch. `np` keys: the text's, and zeros.
struct Work {
  std::int32_t* keys;    ///< [d / 2, np]: pairs along the head
  std::int32_t* values;  ///< [np / 2, d]: pairs along the text
  float* scores;         ///< [queries of a block, np]
  Half* weights;         ///< the same, as pairs along the text
};

[[gnu::always_inline]] inline Work divide(float* scratch, int64_t d, int64_t np, int64_t queries_of_block) {
  Work work;
  work.keys = reinterpret_cast<std::int32_t*>(scratch);
  work.values = work.keys + d / 2 * np;
  work.scores = reinterpret_cast<float*>(work.values + np / 2 * d);
  work.weights = reinterpret_cast<Half*>(work.scores + queries_of_block * np);
  return work;
}

template <int d>
[[gnu::always_inline]] inline void arrange(TextAttention<Half> const& text, int64_t head, Work const& work,
                                           int64_t np) {
  int64_t const n = text.n_keys;
  Half const* const keys = text.keys + head * d;
  Half const* const values = keys + text.hidden;
  for (int64_t first = 0; first < np; first += kLanes)
#pragma GCC unroll 2
    for (int part = 0; part < d / 32; ++part) {
      __m512i rows[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i)
        rows[i] = first + i < n ? _mm512_loadu_si512(keys + (first + i) * text.key_stride + part * 32)
                                : _mm512_setzero_si512();
      transpose(rows);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) _mm512_storeu_si512(work.keys + (part * 16 + i) * np + first, rows[i]);
    }
  __m512i const low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37,
                                       5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  __m512i const high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  for (int64_t j = 0; j < np; j += 2)
#pragma GCC unroll 2
    for (int part = 0; part < d / 32; ++part) {
      __m512i const even =
          j < n ? _mm512_loadu_si512(values + j * text.key_stride + part * 32) : _mm512_setzero_si512();
      __m512i const odd =
          j + 1 < n ? _mm512_loadu_si512(values + (j + 1) * text.key_stride + part * 32) : _mm512_setzero_si512();
      std::int32_t* const out = work.values + j / 2 * d + part * 32;
      _mm512_storeu_si512(out, _mm512_permutex2var_epi16(even, low, odd));
      _mm512_storeu_si512(out + 16, _mm512_permutex2var_epi16(even, high, odd));
    }
}

/// One row of scores -> weights as bfloat16, not yet divided by the sum that is returned inverted.
[[gnu::always_inline]] inline float soften(int64_t n, int64_t np, float scale, float const* scores, Half* weights) {
  __m512 const never = _mm512_set1_ps(-1e30F);
  auto const scores_at = [&](int64_t j) {
    if (j + kLanes <= n) return _mm512_loadu_ps(scores + j);
    return j < n ? _mm512_mask_loadu_ps(never, static_cast<__mmask16>((1U << (n - j)) - 1), scores + j) : never;
  };
  __m512 most = never;
  for (int64_t j = 0; j < n; j += kLanes) most = _mm512_max_ps(most, scores_at(j));
  __m512 const largest = _mm512_set1_ps(_mm512_reduce_max_ps(most));
  __m512 const factor = _mm512_set1_ps(scale * 1.44269504F);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t j = 0; j < np; j += kLanes) {
    __m512 const weight = power_of_two(_mm512_mul_ps(_mm512_sub_ps(scores_at(j), largest), factor));
    sum = _mm512_add_ps(sum, weight);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(weights + j), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(weight)));
  }
  return 1.0F / _mm512_reduce_add_ps(sum);
}

}  // namespace
}  // namespace polytask::kernels
