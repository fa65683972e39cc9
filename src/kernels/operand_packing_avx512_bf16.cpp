// Packing of bfloat16 with AVX-512 BF16: 16 steps of 16 rows at once, from one line after another.
#include "kernels/internal/micro_kernel.h"
#include "kernels/internal/operand_packing.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>
#pragma GCC target("arch=x86-64-v4,avx512bf16")

namespace polytask::kernels {
namespace {

constexpr int kLanes = 16;
static_assert(kLanes == kStepsAtOnce && kLanes == PackedLinear::kPanel);

[[gnu::always_inline]] inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

[[gnu::always_inline]] inline __mmask16 first_lanes(std::int64_t n) {
  return static_cast<__mmask16>(n >= kLanes ? 0xFFFF : n <= 0 ? 0 : (1U << static_cast<unsigned>(n)) - 1U);
}
[[gnu::always_inline]] inline __m512 load(float const* values, __mmask16 lanes) {
  return _mm512_maskz_loadu_ps(lanes, values);
}

/// 16 steps of one row.
[[gnu::always_inline]] inline __m512i steps_along(__m512 first, __m512 second) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
}
/// One step of 16 rows.
[[gnu::always_inline]] inline __m512i step_across(__m512 first, __m512 second) {
  __m512i const one_from_each = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                                 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(one_from_each, steps_along(first, second));
}

/// Lane i of row j becomes lane j of row i.
[[gnu::always_inline]] inline void transpose(__m512i (&rows)[kLanes]) {
  __m512i pairs[kLanes], fours[kLanes];
  for (int i = 0; i < kLanes; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < kLanes; i += 4) {
    fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  // Quarter q of fours[4 b + c] holds column 4 q + c of rows 4 b to 4 b + 3.
  for (int c = 0; c < 4; ++c) {
    __m512i const low_first = _mm512_shuffle_i32x4(fours[c], fours[4 + c], 0x44);
    __m512i const high_first = _mm512_shuffle_i32x4(fours[c], fours[4 + c], 0xEE);
    __m512i const low_second = _mm512_shuffle_i32x4(fours[8 + c], fours[12 + c], 0x44);
    __m512i const high_second = _mm512_shuffle_i32x4(fours[8 + c], fours[12 + c], 0xEE);
    rows[c] = _mm512_shuffle_i32x4(low_first, low_second, 0x88);
    rows[4 + c] = _mm512_shuffle_i32x4(low_first, low_second, 0xDD);
    rows[8 + c] = _mm512_shuffle_i32x4(high_first, high_second, 0x88);
    rows[12 + c] = _mm512_shuffle_i32x4(high_first, high_second, 0xDD);
  }
}

void row(float const* values, std::int64_t k, Step* out) {
  for (std::int64_t at = 0; at < k; at += 2 * kLanes) {
    __m512i const steps =
        steps_along(load(values + at, first_lanes(k - at)), load(values + at + kLanes, first_lanes(k - at - kLanes)));
    _mm512_mask_storeu_epi32(out + at / 2, first_lanes((k - at + 1) / 2), steps);
  }
}

void panel(float const* rows, std::int64_t stride, std::int64_t n_rows, std::int64_t k, Step* out) {
  for (std::int64_t at = 0; at < k; at += 2 * kLanes) {
    __mmask16 const first = first_lanes(k - at);
    __mmask16 const second = first_lanes(k - at - kLanes);
    __m512i steps[kLanes];
    for (int r = 0; r < kLanes; ++r) {
      float const* const values = rows + r * stride + at;
      steps[r] = r < n_rows ? steps_along(load(values, first), load(values + kLanes, second)) : _mm512_setzero_si512();
    }
    transpose(steps);
    std::int64_t const n_steps = smaller(kLanes, (k - at + 1) / 2);
    for (std::int64_t step = 0; step < n_steps; ++step)
      _mm512_storeu_si512(out + (at / 2 + step) * kLanes, steps[step]);
  }
}

/// Step `step` of as many rows as `lanes` has, that are columns in memory.
[[gnu::always_inline]] inline __m512i step_of_columns(float const* values, std::int64_t stride, std::int64_t k,
                                                      std::int64_t step, __mmask16 lanes) {
  float const* const first = values + 2 * step * stride;
  return step_across(load(first, lanes), load(first + stride, 2 * step + 1 < k ? lanes : __mmask16{0}));
}

void columns(float const* values, std::int64_t stride, std::int64_t n_rows, std::int64_t k, Step* out,
             std::int64_t out_stride) {
  for (std::int64_t r = 0; r < n_rows; r += kLanes) {
    __mmask16 const lanes = first_lanes(n_rows - r);
    for (std::int64_t step = 0; 2 * step < k; ++step)
      _mm512_mask_storeu_epi32(out + step * out_stride + r, lanes, step_of_columns(values + r, stride, k, step, lanes));
  }
}

void columns_apart(float const* values, std::int64_t stride, std::int64_t n_rows, std::int64_t k, Step* out,
                   std::int64_t out_stride) {
  for (std::int64_t r = 0; r < n_rows; r += kLanes) {
    __mmask16 const lanes = first_lanes(n_rows - r);
    for (std::int64_t step = 0; 2 * step < k; step += kLanes) {
      std::int64_t const n_steps = smaller(kLanes, (k + 1) / 2 - step);
      __m512i steps[kLanes];
      for (int s = 0; s < kLanes; ++s)
        steps[s] = s < n_steps ? step_of_columns(values + r, stride, k, step + s, lanes) : _mm512_setzero_si512();
      transpose(steps);
      for (std::int64_t lane = 0; lane < smaller(kLanes, n_rows - r); ++lane)
        _mm512_mask_storeu_epi32(out + (r + lane) * out_stride + step, first_lanes(n_steps), steps[lane]);
    }
  }
}

}  // namespace

OperandPacking bfloat16_packing_avx512() { return {row, panel, columns, columns_apart}; }

}  // namespace polytask::kernels
#endif
