#include "kernels/text_attention.h"

#include "kernels/internal/bfloat16.h"
#include "kernels/internal/bfloat16_attention.h"
#include "kernels/internal/distance_table.h"
#include "kernels/internal/text_attention_heads.h"
#include "kernels/rows.h"

namespace polytask::kernels {
TextAttentionHeads text_attention_heads([[maybe_unused]] InstructionSet instructions) {
#ifdef POLYTASK_X86_KERNELS
  if (instructions >= InstructionSet::Avx512) return text_attention_avx512();
  if (instructions >= InstructionSet::Avx2) return text_attention_avx2();
#endif
  return text_attention_portable();
}

namespace {

TextAttentionHeads const& detected_heads() {
  static TextAttentionHeads const heads = text_attention_heads(detected_instructions());
  return heads;
}

float* room(AttentionScratch& scratch, std::int64_t n) {
  if (scratch.size() < static_cast<std::size_t>(n)) scratch.resize(static_cast<std::size_t>(n));
  return scratch.data();
}

/// What attend_head works in.
template <typename Value>
std::int64_t floats_of_head(TextAttention<Value> const& text, std::int64_t d) {
  std::int64_t const padded = (text.n_keys + kMostLanes - 1) / kMostLanes * kMostLanes;
  std::int64_t const columns = text.distances == nullptr ? 0 : 2 * d * columns_width(text.n_keys, kMostLanes);
  return (d + kQueriesAtOnce) * padded + columns;
}

void to_floats(std::int64_t n, std::uint16_t const* halves, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = from_bfloat16(halves[i]);
}

}  // namespace

void attend(TextAttention<float> const& text, std::int64_t first_head, std::int64_t last_head,
            AttentionScratch& scratch) {
  if (text.n_queries == 0) return;
  std::int64_t const d = text.hidden / text.heads;
  float* const work = room(scratch, floats_of_head(text, d));
  auto const& heads = detected_heads();
  auto const one = d == 32 ? heads.of_32 : d == 64 ? heads.of_64 : heads.of_any;
  for (std::int64_t head = first_head; head < last_head; ++head) one(text, head, work);
}

void attend(TextAttention<std::uint16_t> const& text, std::int64_t first_head, std::int64_t last_head,
            AttentionScratch& scratch, [[maybe_unused]] InstructionSet instructions) {
  if (text.n_queries == 0) return;
  std::int64_t const d = text.hidden / text.heads;
#ifdef POLYTASK_X86_KERNELS
  bool const sees_all = text.reach == 0 || text.n_keys - 1 <= text.reach;
  if (instructions >= InstructionSet::Avx512Bf16 && (d == 32 || d == 64) && sees_all && text.distances == nullptr) {
    constexpr std::int64_t kMostWithoutTiles = 16;  // which such texts would hardly fill
    if (instructions >= InstructionSet::Amx && text.n_keys > kMostWithoutTiles)
      attend_on_tiles(text, first_head, last_head, room(scratch, tile_attention_scratch(text.n_keys, d)));
    else
      attend_bfloat16(text, first_head, last_head, room(scratch, bfloat16_attention_scratch(text.n_keys, d)));
    return;
  }
#endif
  // As floats, one head at a time.
  std::int64_t const n_queries = text.n_queries * d;
  std::int64_t const n_keys = text.n_keys * d;
  std::int64_t const n_work = floats_of_head(text, d);
  float* const work = room(scratch, n_work + 2 * n_queries + 2 * n_keys);
  float* const queries = work + n_work;
  float* const keys = queries + n_queries;
  float* const context = keys + 2 * n_keys;
  auto const attend_any = detected_heads().of_any;
  for (std::int64_t head = first_head; head < last_head; ++head) {
    for (std::int64_t i = 0; i < text.n_queries; ++i)
      to_floats(d, text.queries + i * text.query_stride + head * d, queries + i * d);
    for (std::int64_t i = 0; i < text.n_keys; ++i) {
      to_floats(d, text.keys + i * text.key_stride + head * d, keys + i * 2 * d);
      to_floats(d, text.keys + i * text.key_stride + text.hidden + head * d, keys + i * 2 * d + d);
    }
    TextDistances distances;
    if (text.distances != nullptr) {
      distances = *text.distances;
      if (distances.tables.keys != nullptr) distances.tables.keys += head * d;
      if (distances.tables.queries != nullptr) distances.tables.queries += head * d;
    }
    attend_any({.hidden = d,
                .heads = 1,
                .n_queries = text.n_queries,
                .queries = queries,
                .query_stride = d,
                .n_keys = text.n_keys,
                .keys = keys,
                .key_stride = 2 * d,
                .context = context,
                .places = text.places,
                .reach = text.reach,
                .distances = text.distances != nullptr ? &distances : nullptr},
               0, work);
    for (std::int64_t i = 0; i < text.n_queries; ++i)
      convert_rows(1, d, context + i * d, {Precision::BFloat16, text.context + i * text.hidden + head * d, nullptr});
  }
}

}  // namespace polytask::kernels
