// Products with AVX-512 and its products of bytes (VNNI) and of bfloat16; blocks as without them.
#include "kernels/internal/micro_kernel.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>

#include <cstring>
#include <type_traits>
#pragma GCC target("arch=x86-64-v4,avx512vnni,avx512bf16")
#define POLYTASK_LANES 16
#define POLYTASK_HAS_VNNI
#define POLYTASK_HAS_BF16
#include "kernels/internal/x86_steps.h"

namespace polytask::kernels {

MicroKernels micro_kernels_avx512_bf16(Precision precision) { return kernels_of<8, 3>(precision); }

}  // namespace polytask::kernels
#endif
