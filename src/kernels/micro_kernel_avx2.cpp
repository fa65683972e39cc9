// Products with AVX2 and FMA: vectors of 8, blocks of 6 rows and 16 columns (12 of the 16 registers hold sums).
#include "kernels/internal/micro_kernel.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>

#include <cstring>
#include <type_traits>
#pragma GCC target("arch=x86-64-v3")

namespace polytask::kernels {
namespace {
constexpr int kLanes = 8;
}
}  // namespace polytask::kernels

#include "kernels/internal/generic_steps.h"

namespace polytask::kernels {
namespace {

[[gnu::always_inline]] inline Floats multiply_add_bfloat16(Floats sum, Floats a, Floats b) {
  return multiply_add_pairs(sum, a, b);
}

/// Even and odd bytes apart, as 16-bit numbers: the one instruction that multiplies bytes would saturate.
[[gnu::always_inline]] inline Ints multiply_add_int8(Ints sum, Ints a, Ints b) {
  auto const bytes_a = reinterpret_cast<__m256i>(a);
  auto const bytes_b = reinterpret_cast<__m256i>(b);
  __m256i const even = _mm256_madd_epi16(_mm256_and_si256(bytes_a, _mm256_set1_epi16(0xFF)),
                                         _mm256_srai_epi16(_mm256_slli_epi16(bytes_b, 8), 8));
  __m256i const odd = _mm256_madd_epi16(_mm256_srli_epi16(bytes_a, 8), _mm256_srai_epi16(bytes_b, 8));
  return sum + reinterpret_cast<Ints>(_mm256_add_epi32(even, odd));
}
[[gnu::always_inline]] inline Halves to_bfloat16(Floats x) { return nearest_bfloat16(x); }

}  // namespace
}  // namespace polytask::kernels

#include "kernels/internal/micro_kernel_body.h"

namespace polytask::kernels {

MicroKernels micro_kernels_avx2(Precision precision) { return kernels_of<6, 1>(precision); }

}  // namespace polytask::kernels
#endif
