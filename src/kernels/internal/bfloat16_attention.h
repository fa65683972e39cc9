// Attention in the processor's own products of bfloat16.
#pragma once

#include "kernels/internal/micro_kernel.h"
#include "kernels/text_attention.h"

namespace polytask::kernels {

#ifdef POLYTASK_X86_KERNELS
/// Floats of scratch that a head needs.
[[nodiscard]] std::int64_t bfloat16_attention_scratch(std::int64_t n_keys, std::int64_t head_size);
/// Head sizes are 32 and 64.
void attend_head_bfloat16(TextAttention<std::uint16_t> const& text, std::int64_t head, float* scratch);
#endif

}  // namespace polytask::kernels
