// The steps of products on x86, in vectors as wide as the including file says: it has set an instruction set and
// defined
//   POLYTASK_LANES       8 (AVX2) or 16 (AVX-512)
//   POLYTASK_HAS_VNNI    products of bytes (AVX-512 VNNI)
//   POLYTASK_HAS_BF16    products of bfloat16 (AVX-512 BF16)
#pragma once

namespace polytask::kernels {
namespace {
constexpr int kLanes = POLYTASK_LANES;
}
}  // namespace polytask::kernels

#include "kernels/internal/generic_steps.h"

namespace polytask::kernels {
namespace {

#ifdef POLYTASK_HAS_BF16
[[gnu::always_inline]] inline Floats multiply_add_bfloat16(Floats sum, Floats a, Floats b) {
  return reinterpret_cast<Floats>(
      _mm512_dpbf16_ps(reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b)));
}
[[gnu::always_inline]] inline Halves to_bfloat16(Floats x) {
  return reinterpret_cast<Halves>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(x)));
}
#else
[[gnu::always_inline]] inline Floats multiply_add_bfloat16(Floats sum, Floats a, Floats b) {
  return multiply_add_pairs(sum, a, b);
}
[[gnu::always_inline]] inline Halves to_bfloat16(Floats x) { return nearest_bfloat16(x); }
#endif

// Without VNNI, even and odd bytes apart, as 16-bit numbers: the one instruction that multiplies bytes would saturate.
#ifdef POLYTASK_HAS_VNNI
[[gnu::always_inline]] inline Ints multiply_add_int8(Ints sum, Ints a, Ints b) {
  return reinterpret_cast<Ints>(
      _mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
#elif POLYTASK_LANES == 16
[[gnu::always_inline]] inline Ints multiply_add_int8(Ints sum, Ints a, Ints b) {
  auto const bytes_a = reinterpret_cast<__m512i>(a);
  auto const bytes_b = reinterpret_cast<__m512i>(b);
  __m512i const even = _mm512_madd_epi16(_mm512_and_si512(bytes_a, _mm512_set1_epi16(0xFF)),
                                         _mm512_srai_epi16(_mm512_slli_epi16(bytes_b, 8), 8));
  __m512i const odd = _mm512_madd_epi16(_mm512_srli_epi16(bytes_a, 8), _mm512_srai_epi16(bytes_b, 8));
  return sum + reinterpret_cast<Ints>(_mm512_add_epi32(even, odd));
}
#else
[[gnu::always_inline]] inline Ints multiply_add_int8(Ints sum, Ints a, Ints b) {
  auto const bytes_a = reinterpret_cast<__m256i>(a);
  auto const bytes_b = reinterpret_cast<__m256i>(b);
  __m256i const even = _mm256_madd_epi16(_mm256_and_si256(bytes_a, _mm256_set1_epi16(0xFF)),
                                         _mm256_srai_epi16(_mm256_slli_epi16(bytes_b, 8), 8));
  __m256i const odd = _mm256_madd_epi16(_mm256_srli_epi16(bytes_a, 8), _mm256_srai_epi16(bytes_b, 8));
  return sum + reinterpret_cast<Ints>(_mm256_add_epi32(even, odd));
}
#endif

}  // namespace
}  // namespace polytask::kernels

#include "kernels/internal/micro_kernel_body.h"
