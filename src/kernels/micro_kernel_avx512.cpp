// Products with AVX-512: vectors of 16, blocks of 8 rows and 48 columns (24 of the 32 registers hold sums).
#include "kernels/internal/micro_kernel.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>

#include <cstring>
#include <type_traits>
#pragma GCC target("arch=x86-64-v4")

namespace polytask::kernels {
namespace {
constexpr int kLanes = 16;
}
}  // namespace polytask::kernels

#include "kernels/internal/generic_steps.h"

namespace polytask::kernels {
namespace {

[[gnu::always_inline]] inline Floats multiply_add_bfloat16(Floats sum, Floats a, Floats b) {
  return multiply_add_pairs(sum, a, b);
}
[[gnu::always_inline]] inline Ints multiply_add_int8(Ints sum, Ints a, Ints b) {
  auto const bytes_a = reinterpret_cast<__m512i>(a);
  auto const bytes_b = reinterpret_cast<__m512i>(b);
  __m512i const even = _mm512_madd_epi16(_mm512_and_si512(bytes_a, _mm512_set1_epi16(0xFF)),
                                         _mm512_srai_epi16(_mm512_slli_epi16(bytes_b, 8), 8));
  __m512i const odd = _mm512_madd_epi16(_mm512_srli_epi16(bytes_a, 8), _mm512_srai_epi16(bytes_b, 8));
  return sum + reinterpret_cast<Ints>(_mm512_add_epi32(even, odd));
}
[[gnu::always_inline]] inline Halves to_bfloat16(Floats x) { return nearest_bfloat16(x); }

}  // namespace
}  // namespace polytask::kernels

#include "kernels/internal/micro_kernel_body.h"

namespace polytask::kernels {

MicroKernels micro_kernels_avx512(Precision precision) { return kernels_of<8, 3>(precision); }

}  // namespace polytask::kernels
#endif
