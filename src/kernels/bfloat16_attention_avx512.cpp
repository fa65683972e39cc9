// Attention of short texts with AVX-512's products of bfloat16: two numbers a lane, so keys are transposed in pairs
// along the head and values are interleaved in pairs along the text.
#include "kernels/internal/bfloat16_attention.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>
#pragma GCC target("arch=x86-64-v4,avx512bf16")
#include "kernels/internal/bfloat16_attention_steps.h"

namespace polytask::kernels {
namespace {

constexpr int64_t kQueriesAtOnce = 8;

[[gnu::always_inline]] inline __m512 multiply_add(__m512 sum, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}
[[gnu::always_inline]] inline __m512i pair_at(void const* place) {
  std::int32_t pair;
  __builtin_memcpy(&pair, place, 4);
  return _mm512_set1_epi32(pair);
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

template <int d, int r>
void attend_block(TextAttention<Half> const& text, int64_t head, int64_t first, Work const& work) {
  int64_t const n = text.n_keys;
  int64_t const np = padded(n, kLanes);
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
  arrange<d>(text, head, work, padded(text.n_keys, kLanes));
  int64_t first = 0;
  for (; first + r <= text.n_queries; first += r) attend_block<d, r>(text, head, first, work);
  attend_rest<d, r - 1>(text, head, first, work);
}

}  // namespace

int64_t bfloat16_attention_scratch(int64_t n_keys, int64_t head_size) {
  int64_t const np = padded(n_keys, kLanes);
  return (head_size + kQueriesAtOnce + kQueriesAtOnce / 2) * np;
}

void attend_bfloat16(TextAttention<Half> const& text, int64_t first_head, int64_t last_head, float* scratch) {
  int64_t const d = text.hidden / text.heads;
  Work const work = divide(scratch, d, padded(text.n_keys, kLanes), kQueriesAtOnce);
  for (int64_t head = first_head; head < last_head; ++head)
    if (d == 32)
      attend_of_size<32, 8>(text, head, work);
    else
      attend_of_size<64, 4>(text, head, work);
}

}  // namespace polytask::kernels
#endif
