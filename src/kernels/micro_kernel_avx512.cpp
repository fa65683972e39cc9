// Products with AVX-512; blocks of 8 rows and 48 columns: 24 of the 32 registers hold sums.
#include "kernels/internal/micro_kernel.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>

#include <cstring>
#include <type_traits>
#pragma GCC target("arch=x86-64-v4")
#define POLYTASK_LANES 16
#include "kernels/internal/x86_steps.h"

namespace polytask::kernels {

MicroKernels micro_kernels_avx512(Precision precision) { return kernels_of<8, 3>(precision); }

}  // namespace polytask::kernels
#endif
