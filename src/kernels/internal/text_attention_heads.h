// One head of one text over floats, in the instructions that there are.
#pragma once

#include <cstdint>

#include "kernels/internal/attention_sizes.h"
#include "kernels/internal/micro_kernel.h"
#include "kernels/text_attention.h"

namespace polytask::kernels {

/// Writes the context of one head. Scratch: floats_of_head.
using AttendHead = void (*)(TextAttention<float> const& text, std::int64_t head, float* scratch);
struct TextAttentionHeads {
  AttendHead of_32, of_64, of_any;  ///< head sizes
};

TextAttentionHeads text_attention_portable();
#ifdef POLYTASK_X86_KERNELS
TextAttentionHeads text_attention_avx2();
TextAttentionHeads text_attention_avx512();
#endif
/// Those of an instruction set that the processor has.
TextAttentionHeads text_attention_heads(InstructionSet instructions);

}  // namespace polytask::kernels
