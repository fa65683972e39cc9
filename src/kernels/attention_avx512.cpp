// Attention of one head of one text in training, for AVX-512.
#include "kernels/internal/attention_heads.h"
#include "kernels/internal/distance_table.h"

#ifdef POLYTASK_X86_KERNELS
#pragma GCC target("arch=x86-64-v4")
namespace polytask::kernels {
namespace {
constexpr std::int64_t kLanes = 16;
}
}  // namespace polytask::kernels

#include "kernels/internal/attention_body.h"

namespace polytask::kernels {

AttentionOfHeads attention_avx512() { return kAttentionOfHeads; }

}  // namespace polytask::kernels
#endif
