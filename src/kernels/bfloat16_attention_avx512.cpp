// Attention of short texts with AVX-512's products of bfloat16: two numbers a lane, so keys are transposed in pairs
// along the head and values are interleaved in pairs along the text.
#include "kernels/internal/bfloat16_attention.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>
#pragma GCC target("arch=x86-64-v4,avx512bf16")
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of GCC 12 about its own intrinsics (its bug 105593)

namespace polytask::kernels {
namespace {

using std::int64_t;
using Half = std::uint16_t;

constexpr int64_t kLanes = 16;

constexpr int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

[[gnu::always_inline]] inline __m512 multiply_add(__m512 sum, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}
[[gnu::always_inline]] inline __m512i pair_at(void const* place) {
  std::int32_t pair;
  __builtin_memcpy(&pair, place, 4);
  return _mm512_set1_epi32(pair);
}

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

/// Where a head's work lies in the scratch.
struct Work {
  std::int32_t* keys;    ///< [d / 2, padded n]: pairs along the head
  std::int32_t* values;  ///< [padded n / 2, d]: pairs along the text
  float* scores;         ///< [queries of a block, padded n]
  Half* weights;         ///< the same, as pairs along the text
};

template <int d>
[[gnu::always_inline]] inline void arrange(TextAttention<Half> const& text, int64_t head, Work const& work) {
  int64_t const n = text.n_keys;
  int64_t const np = padded(n);
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
  for (int64_t j = 0; j < n; j += 2)
#pragma GCC unroll 2
    for (int part = 0; part < d / 32; ++part) {
      __m512i const even = _mm512_loadu_si512(values + j * text.key_stride + part * 32);
      __m512i const odd =
          j + 1 < n ? _mm512_loadu_si512(values + (j + 1) * text.key_stride + part * 32) : _mm512_setzero_si512();
      std::int32_t* const out = work.values + j / 2 * d + part * 32;
      _mm512_storeu_si512(out, _mm512_permutex2var_epi16(even, low, odd));
      _mm512_storeu_si512(out + 16, _mm512_permutex2var_epi16(even, high, odd));
    }
}

/// Scores of `r` queries over `v` vectors of keys, from key `first` on.
template <int d, int r, int v>
[[gnu::always_inline]] inline void score(Half const* queries, int64_t stride, Work const& work, int64_t np,
                                         int64_t first) {
  __m512 sums[r][v];
#pragma GCC unroll 8
  for (int i = 0; i < r; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < v; ++j) sums[i][j] = _mm512_setzero_ps();
  for (int k = 0; k < d / 2; ++k) {
    __m512i keys[v];
#pragma GCC unroll 2
    for (int j = 0; j < v; ++j) keys[j] = _mm512_loadu_si512(work.keys + k * np + first + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < r; ++i) {
      __m512i const query = pair_at(queries + i * stride + 2 * k);
#pragma GCC unroll 2
      for (int j = 0; j < v; ++j) sums[i][j] = multiply_add(sums[i][j], query, keys[j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < r; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < v; ++j) _mm512_storeu_ps(work.scores + i * np + first + j * kLanes, sums[i][j]);
}

/// One row of scores -> weights as bfloat16, not yet divided by the sum that is returned inverted.
[[gnu::always_inline]] inline float soften(int64_t n, int64_t np, float scale, float const* scores, Half* weights) {
  auto const valid = static_cast<__mmask16>(n == np ? 0xFFFF : (1U << (n % kLanes)) - 1);
  __m512 const never = _mm512_set1_ps(-1e30F);
  __m512 most = _mm512_mask_loadu_ps(never, valid, scores + np - kLanes);
  for (int64_t j = 0; j + kLanes < np; j += kLanes) most = _mm512_max_ps(most, _mm512_loadu_ps(scores + j));
  __m512 const largest = _mm512_set1_ps(_mm512_reduce_max_ps(most));
  __m512 const factor = _mm512_set1_ps(scale * 1.44269504F);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t j = 0; j < np; j += kLanes) {
    __m512 const score = j + kLanes < np ? _mm512_loadu_ps(scores + j) : _mm512_mask_loadu_ps(never, valid, scores + j);
    __m512 const weight = power_of_two(_mm512_mul_ps(_mm512_sub_ps(score, largest), factor));
    sum = _mm512_add_ps(sum, weight);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(weights + j), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(weight)));
  }
  return 1.0F / _mm512_reduce_add_ps(sum);
}

template <int d, int r>
void attend_block(TextAttention<Half> const& text, int64_t head, int64_t first, Work const& work) {
  int64_t const n = text.n_keys;
  int64_t const np = padded(n);
  Half const* const queries = text.queries + first * text.query_stride + head * d;
  int64_t at = 0;
  for (; at + 2 * kLanes <= np; at += 2 * kLanes) score<d, r, 2>(queries, text.query_stride, work, np, at);
  if (at < np) score<d, r, 1>(queries, text.query_stride, work, np, at);
  float const scale = 1.0F / __builtin_sqrtf(static_cast<float>(d));
  float inverse[r];
  for (int i = 0; i < r; ++i) inverse[i] = soften(n, np, scale, work.scores + i * np, work.weights + i * np);
  constexpr int kVectors = d / 16;
  __m512 sums[r][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < r; ++i)
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k) sums[i][k] = _mm512_setzero_ps();
  for (int64_t j = 0; j < (n + 1) / 2; ++j) {
    __m512i values[kVectors];
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k) values[k] = _mm512_loadu_si512(work.values + j * d + k * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < r; ++i) {
      __m512i const weight = pair_at(work.weights + i * np + 2 * j);
#pragma GCC unroll 4
      for (int k = 0; k < kVectors; ++k) sums[i][k] = multiply_add(sums[i][k], weight, values[k]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < r; ++i)
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k) {
      __m512 const context = _mm512_mul_ps(sums[i][k], _mm512_set1_ps(inverse[i]));
      Half* const out = text.context + (first + i) * text.hidden + head * d + k * kLanes;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(context)));
    }
}

template <int d, int r>
void attend_rest(TextAttention<Half> const& text, int64_t head, int64_t first, Work const& work) {
  if constexpr (r > 0) {
    if (text.n_queries - first == r) return attend_block<d, r>(text, head, first, work);
    attend_rest<d, r - 1>(text, head, first, work);
  }
}

/// Blocks of as many queries as there are registers for their sums.
template <int d, int r>
void attend_of_size(TextAttention<Half> const& text, int64_t head, Work const& work) {
  arrange<d>(text, head, work);
  int64_t first = 0;
  for (; first + r <= text.n_queries; first += r) attend_block<d, r>(text, head, first, work);
  attend_rest<d, r - 1>(text, head, first, work);
}

}  // namespace

int64_t bfloat16_attention_scratch(int64_t n_keys, int64_t head_size) {
  int64_t const np = padded(n_keys);
  return head_size / 2 * np + np / 2 * head_size + 8 * np + 4 * np;
}

void attend_head_bfloat16(TextAttention<Half> const& text, int64_t head, float* scratch) {
  int64_t const d = text.hidden / text.heads;
  int64_t const np = padded(text.n_keys);
  Work work{};
  work.keys = reinterpret_cast<std::int32_t*>(scratch);
  work.values = work.keys + d / 2 * np;
  work.scores = reinterpret_cast<float*>(work.values + np / 2 * d);
  work.weights = reinterpret_cast<Half*>(work.scores + 8 * np);
  if (d == 32) return attend_of_size<32, 8>(text, head, work);
  return attend_of_size<64, 4>(text, head, work);
}

}  // namespace polytask::kernels
#endif
