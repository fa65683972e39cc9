// Products with AVX-512 and its products of bytes (VNNI): vectors of 16, blocks of 8 rows and 48 columns (24 of the 32
// registers hold sums).
#include "kernels/internal/micro_kernel.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>

#include <cstring>
#include <type_traits>
#pragma GCC target("arch=x86-64-v4,avx512vnni")

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
  return reinterpret_cast<Ints>(
      _mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
[[gnu::always_inline]] inline Halves to_bfloat16(Floats x) { return nearest_bfloat16(x); }

}  // namespace
}  // namespace polytask::kernels

#include "kernels/internal/micro_kernel_body.h"

namespace polytask::kernels {

MicroKernels micro_kernels_avx512_vnni(Precision precision) { return kernels_of<8, 3>(precision); }

}  // namespace polytask::kernels
#endif
