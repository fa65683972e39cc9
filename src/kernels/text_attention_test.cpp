#include "kernels/text_attention.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "kernels/attention.h"
#include "kernels/internal/random_floats.h"
#include "kernels/internal/text_attention_heads.h"
#include "kernels/relative_attention.h"
#include "kernels/rows.h"

namespace polytask::kernels {
namespace {

struct Shape {
  std::int64_t n, hidden, heads;
  std::int64_t reach = 0;
  std::int64_t span = 0;  ///< of the tables of distances; 0 = there are none
};

class AttentionOfAText : public testing::TestWithParam<Shape> {
 protected:
  Shape shape = GetParam();
  std::int64_t stride = 3 * shape.hidden;
  Floats qkv = random_floats(shape.n * stride, 1);
  RelativeRows rows{.span = shape.span, .buckets = 2 * (shape.span / 2), .farthest = 4 * shape.span};
  std::vector<std::int32_t> row_of = [this] {
    std::vector<std::int32_t> found;
    for (std::int64_t distance = shape.n - 1; shape.span > 0 && distance > -shape.n; --distance)
      found.push_back(static_cast<std::int32_t>(relative_row(rows, distance)));
    return found;
  }();
  Floats keys = random_floats(2 * shape.span * shape.hidden, 2);
  Floats queries = random_floats(2 * shape.span * shape.hidden, 3);
  TextDistances distances{{keys.data(), queries.data()}, shape.hidden, row_of.data()};
  std::vector<std::int32_t> places = [this] {
    std::vector<std::int32_t> all(static_cast<std::size_t>(shape.n));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }();
  AttentionScratch scratch;

  template <typename Value>
  [[nodiscard]] TextAttention<Value> text(std::vector<Value> const& rows_of_tokens, std::int64_t first,
                                          std::int64_t n_queries, Value* out) const {
    return {.hidden = shape.hidden,
            .heads = shape.heads,
            .n_queries = n_queries,
            .queries = rows_of_tokens.data() + first * stride,
            .query_stride = stride,
            .n_keys = shape.n,
            .keys = rows_of_tokens.data() + shape.hidden,
            .key_stride = stride,
            .context = out,
            .places = places.data() + first,
            .reach = shape.reach,
            .distances = shape.span > 0 ? &distances : nullptr};
  }
  [[nodiscard]] Floats context(std::int64_t first, std::int64_t n_queries) {
    Floats out(static_cast<std::size_t>(n_queries * shape.hidden));
    attend(text(qkv, first, n_queries, out.data()), 0, shape.heads, scratch);
    return out;
  }
  [[nodiscard]] Floats context_of_training() const {
    std::vector<std::int32_t> const offsets{0, static_cast<std::int32_t>(shape.n)};
    Floats out(static_cast<std::size_t>(shape.n * shape.hidden));
    Floats log_sum_exp(static_cast<std::size_t>(shape.n * shape.heads));
    AttentionShape const texts{offsets, shape.hidden, shape.heads, shape.reach};
    if (shape.span > 0)
      relative_attention_forward({texts, rows}, {}, qkv.data(), distances.tables, out.data(), log_sum_exp.data());
    else
      attention_forward(texts, {}, qkv.data(), out.data(), log_sum_exp.data());
    return out;
  }
};

TEST_P(AttentionOfAText, IsTheAttentionOfTraining) {
  auto const expected = context_of_training();
  auto const found = context(0, shape.n);
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 3e-6) << i;
}

TEST_P(AttentionOfAText, IsTheSameUpToRoundingWithEveryInstructionSet) {
  auto const expected = context(0, shape.n);
  for (auto const instructions : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512}) {
    if (instructions > detected_instructions()) continue;
    Floats out(expected.size());
    auto const heads = text_attention_heads(instructions);
    auto const d = shape.hidden / shape.heads;
    for (auto const one : {heads.of_any, d == 32 ? heads.of_32 : d == 64 ? heads.of_64 : heads.of_any}) {
      for (std::int64_t head = 0; head < shape.heads; ++head)
        one(text(qkv, 0, shape.n, out.data()), head, scratch.data());
      for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], expected[i], 1e-5) << to_string(instructions);
    }
  }
}

TEST_P(AttentionOfAText, GivesAQueryTheSameBitsWhicheverOthersAreChosen) {
  auto const all = context(0, shape.n);
  for (std::int64_t query = 0; query < shape.n; ++query) {
    auto const one = context(query, 1);
    ASSERT_EQ(std::memcmp(one.data(), all.data() + query * shape.hidden, one.size() * 4), 0) << query;
  }
}

class AttentionInBfloat16 : public AttentionOfAText {
 protected:
  using Halves = std::vector<std::uint16_t>;
  Halves halves = [this] {
    Halves out(qkv.size());
    convert_rows(1, static_cast<std::int64_t>(qkv.size()), qkv.data(), {Precision::BFloat16, out.data(), nullptr});
    return out;
  }();

  /// One for each way of computing it.
  [[nodiscard]] static std::vector<InstructionSet> instructions_of_this_processor() {
    std::vector<InstructionSet> found;
    for (auto const instructions : {InstructionSet::Portable, InstructionSet::Avx512Bf16, InstructionSet::Amx})
      if (instructions <= detected_instructions()) found.push_back(instructions);
    return found;
  }

  [[nodiscard]] Halves context_of(std::int64_t first, std::int64_t n_queries, InstructionSet instructions) {
    Halves out(static_cast<std::size_t>(n_queries * shape.hidden));
    attend(text(halves, first, n_queries, out.data()), 0, shape.heads, scratch, instructions);
    return out;
  }
};

TEST_P(AttentionInBfloat16, IsThatOfFloatsUpToItsRounding) {
  for (std::size_t i = 0; i < qkv.size(); ++i)
    qkv[i] = std::bit_cast<float>(static_cast<std::uint32_t>(halves[i]) << 16U);
  auto const expected = context(0, shape.n);
  for (auto const instructions : instructions_of_this_processor()) {
    auto const found = context_of(0, shape.n, instructions);
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(std::bit_cast<float>(static_cast<std::uint32_t>(found[i]) << 16U), expected[i],
                  0.012 * (0.3 + std::abs(expected[i])))
          << to_string(instructions) << ", " << i;
  }
}

TEST_P(AttentionInBfloat16, GivesAQueryTheSameBitsWhicheverOthersAreChosen) {
  for (auto const instructions : instructions_of_this_processor()) {
    auto const all = context_of(0, shape.n, instructions);
    for (std::int64_t query = 0; query < shape.n; ++query) {
      auto const one = context_of(query, 1, instructions);
      ASSERT_EQ(std::memcmp(one.data(), all.data() + query * shape.hidden, one.size() * 2), 0) << query;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionInBfloat16,
                         testing::Values(Shape{1, 64, 2}, Shape{7, 96, 3}, Shape{16, 64, 2}, Shape{37, 128, 2},
                                         Shape{21, 60, 3}, Shape{130, 32, 1}, Shape{40, 64, 1}, Shape{37, 64, 2, 5},
                                         Shape{90, 60, 3, 17}, Shape{130, 64, 1, 64}, Shape{1, 64, 2, 3},
                                         Shape{1, 64, 2, 0, 8}, Shape{37, 128, 2, 0, 8}, Shape{90, 60, 3, 0, 4}));

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionOfAText,
                         testing::Values(Shape{1, 64, 2}, Shape{7, 96, 3}, Shape{16, 64, 2}, Shape{37, 128, 2},
                                         Shape{21, 60, 3}, Shape{130, 32, 1}, Shape{37, 64, 2, 5}, Shape{90, 60, 3, 17},
                                         Shape{130, 64, 1, 64}, Shape{1, 64, 2, 3}, Shape{1, 64, 2, 0, 8},
                                         Shape{37, 128, 2, 0, 8}, Shape{90, 60, 3, 0, 4}));

}  // namespace
}  // namespace polytask::kernels
