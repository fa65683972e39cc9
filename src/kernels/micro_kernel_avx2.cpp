// Products with AVX2 and FMA; blocks of 6 rows and 16 columns: 12 of the 16 registers hold sums.
#include "kernels/internal/micro_kernel.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>

#include <cstring>
#include <type_traits>
#pragma GCC target("arch=x86-64-v3")
#define POLYTASK_LANES 8
#include "kernels/internal/x86_steps.h"

namespace polytask::kernels {

MicroKernels micro_kernels_avx2(Precision precision) { return kernels_of<6, 1>(precision); }

}  // namespace polytask::kernels
#endif
