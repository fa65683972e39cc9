#include "kernels/attention.h"

#include <algorithm>
#include <utility>

#include "kernels/internal/attention_heads.h"

namespace polytask::kernels {

HeadRoom::HeadRoom(std::int64_t longest, std::int64_t d)
    : floats_(static_cast<std::size_t>(2 * padded(longest) * (d + kQueriesAtOnce) + 3 * kQueriesAtOnce * d)) {
  float* at = floats_.data();
  auto const take = [&](std::int64_t n) { return std::exchange(at, at + n); };
  work_ = {.keys = take(padded(longest) * d),
           .values = take(padded(longest) * d),
           .rows = take(padded(longest) * kQueriesAtOnce),
           .grad_rows = take(padded(longest) * kQueriesAtOnce),
           .left = take(kQueriesAtOnce * d),
           .right = take(kQueriesAtOnce * d),
           .sums = take(kQueriesAtOnce * d)};
}

AttentionOfHeads attention_of_heads([[maybe_unused]] InstructionSet instructions) {
#ifdef POLYTASK_X86_KERNELS
  if (instructions >= InstructionSet::Avx512) return attention_avx512();
  if (instructions >= InstructionSet::Avx2) return attention_avx2();
#endif
  return attention_portable();
}

AttentionOfHeads const& attention_of_heads() {
  static AttentionOfHeads const heads = attention_of_heads(detected_instructions());
  return heads;
}

namespace {

/// Calls `work(head view, room, first token, head index)` for every head of every text, on all threads.
template <typename Work>
void for_each_head(AttentionShape const& shape, Dropout const& dropout, float const* qkv, Work const& work) {
  auto const n_texts = static_cast<std::int64_t>(shape.offsets.size()) - 1;
  std::int64_t const d = shape.hidden / shape.heads;
  std::int64_t longest = 0;
  for (std::int64_t t = 0; t < n_texts; ++t) {
    auto const at = static_cast<std::size_t>(t);
    longest = std::max<std::int64_t>(longest, shape.offsets[at + 1] - shape.offsets[at]);
  }
#pragma omp parallel
  {
    HeadRoom const room(longest, d);
    // Heads write to places of their own: the order in which threads take them changes nothing.
#pragma omp for schedule(dynamic, 4)
    for (std::int64_t unit = 0; unit < n_texts * shape.heads; ++unit) {
      auto const text = static_cast<std::size_t>(unit / shape.heads);
      std::int64_t const h = unit % shape.heads;
      std::int64_t const first = shape.offsets[text];
      HeadView head{.n = shape.offsets[text + 1] - first,
                    .d = d,
                    .stride = 3 * shape.hidden,
                    .hidden = shape.hidden,
                    .heads = shape.heads,
                    .reach = shape.reach,
                    .dropout = dropout,
                    .query = qkv + first * 3 * shape.hidden + h * d};
      head.dropout.seed = seed_of_unit(dropout.seed, static_cast<std::uint64_t>(unit));
      work(head, room.work(), first, h);
    }
  }
}

}  // namespace

void attention_forward(AttentionShape const& shape, Dropout const& dropout, float const* qkv, float* context,
                       float* log_sum_exp) {
  for_each_head(shape, dropout, qkv,
                [&](HeadView const& head, HeadWork const& room, std::int64_t first, std::int64_t h) {
                  attention_of_heads().forward(head, room, context + first * shape.hidden + h * head.d,
                                               log_sum_exp + first * shape.heads + h);
                });
}

void attention_backward(AttentionShape const& shape, Dropout const& dropout, float const* qkv, float const* context,
                        float const* log_sum_exp, float const* grad_context, float* grad_qkv) {
  for_each_head(shape, dropout, qkv,
                [&](HeadView const& head, HeadWork const& room, std::int64_t first, std::int64_t h) {
                  std::int64_t const at = first * shape.hidden + h * head.d;
                  attention_of_heads().backward(head, room, context + at, log_sum_exp + first * shape.heads + h,
                                                grad_context + at, grad_qkv + first * 3 * shape.hidden + h * head.d);
                });
}

}  // namespace polytask::kernels
