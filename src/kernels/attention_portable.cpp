// Attention of one head of one text in training, for any processor: vectors of 4.
#include "kernels/internal/attention_heads.h"

namespace polytask::kernels {
namespace {
constexpr std::int64_t kLanes = 4;
}
}  // namespace polytask::kernels

#include "kernels/internal/attention_body.h"

namespace polytask::kernels {

AttentionOfHeads attention_portable() { return kAttentionOfHeads; }

}  // namespace polytask::kernels
