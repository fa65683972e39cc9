// Attention of one text over floats, for any processor: vectors of 4.
#include "kernels/internal/text_attention_heads.h"

namespace polytask::kernels {
namespace {
constexpr std::int64_t kLanes = 4;
}
}  // namespace polytask::kernels

#include "kernels/internal/text_attention_body.h"

namespace polytask::kernels {

TextAttentionHeads text_attention_portable() { return {attend_32, attend_64, attend_any}; }

}  // namespace polytask::kernels
