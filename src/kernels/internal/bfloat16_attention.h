// Attention in the processor's own products of bfloat16.
#pragma once

#include "kernels/internal/micro_kernel.h"
#include "kernels/text_attention.h"

namespace polytask::kernels {

#ifdef POLYTASK_X86_KERNELS
/// Heads [first_head, last_head) of one text; head sizes are 32 and 64. `scratch`: so many floats.
void attend_bfloat16(TextAttention<std::uint16_t> const& text, std::int64_t first_head, std::int64_t last_head,
                     float* scratch);
[[nodiscard]] std::int64_t bfloat16_attention_scratch(std::int64_t n_keys, std::int64_t head_size);

/// The same on matrix tiles.
void attend_on_tiles(TextAttention<std::uint16_t> const& text, std::int64_t first_head, std::int64_t last_head,
                     float* scratch);
[[nodiscard]] std::int64_t tile_attention_scratch(std::int64_t n_keys, std::int64_t head_size);
#endif

}  // namespace polytask::kernels
