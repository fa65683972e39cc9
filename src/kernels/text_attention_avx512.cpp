// Attention of one text over floats, for AVX-512.
#include "kernels/internal/distance_table.h"
#include "kernels/internal/simd.h"
#include "kernels/internal/text_attention_heads.h"

#ifdef POLYTASK_X86_KERNELS
#pragma GCC target("arch=x86-64-v4")
namespace polytask::kernels {
namespace {
constexpr std::int64_t kLanes = 16;
}
}  // namespace polytask::kernels

#include "kernels/internal/text_attention_body.h"

namespace polytask::kernels {

TextAttentionHeads text_attention_avx512() { return {attend_32, attend_64, attend_any}; }

}  // namespace polytask::kernels
#endif
