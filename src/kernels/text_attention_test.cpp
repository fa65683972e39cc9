#include "kernels/text_attention.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/attention.h"
#include "kernels/internal/random_floats.h"
#include "kernels/rows.h"

namespace polytask::kernels {
namespace {

struct Shape {
  std::int64_t n, hidden, heads;
};

class AttentionOfAText : public testing::TestWithParam<Shape> {
 protected:
  Shape shape = GetParam();
  std::int64_t stride = 3 * shape.hidden;
  Floats qkv = random_floats(shape.n * stride, 1);
  AttentionScratch scratch;

  [[nodiscard]] Floats context(std::int64_t first, std::int64_t n_queries) {
    Floats out(static_cast<std::size_t>(n_queries * shape.hidden));
    attend({.hidden = shape.hidden,
            .heads = shape.heads,
            .n_queries = n_queries,
            .queries = qkv.data() + first * stride,
            .query_stride = stride,
            .n_keys = shape.n,
            .keys = qkv.data() + shape.hidden,
            .key_stride = stride,
            .context = out.data()},
           0, shape.heads, scratch);
    return out;
  }
};

TEST_P(AttentionOfAText, IsTheAttentionOfTraining) {
  std::vector<std::int32_t> const offsets{0, static_cast<std::int32_t>(shape.n)};
  Floats expected(static_cast<std::size_t>(shape.n * shape.hidden)),
      log_sum_exp(static_cast<std::size_t>(shape.n * shape.heads));
  attention_forward({offsets, shape.hidden, shape.heads}, {}, qkv.data(), expected.data(), log_sum_exp.data());
  auto const found = context(0, shape.n);
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 3e-6) << i;
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

  [[nodiscard]] Halves context_of(std::int64_t first, std::int64_t n_queries, InstructionSet instructions) {
    Halves out(static_cast<std::size_t>(n_queries * shape.hidden));
    attend({.hidden = shape.hidden,
            .heads = shape.heads,
            .n_queries = n_queries,
            .queries = halves.data() + first * stride,
            .query_stride = stride,
            .n_keys = shape.n,
            .keys = halves.data() + shape.hidden,
            .key_stride = stride,
            .context = out.data()},
           0, shape.heads, scratch, instructions);
    return out;
  }
};

TEST_P(AttentionInBfloat16, IsThatOfFloatsUpToItsRounding) {
  for (std::size_t i = 0; i < qkv.size(); ++i)
    qkv[i] = std::bit_cast<float>(static_cast<std::uint32_t>(halves[i]) << 16U);
  auto const expected = context(0, shape.n);
  for (auto const instructions : {InstructionSet::Portable, detected_instructions()}) {
    auto const found = context_of(0, shape.n, instructions);
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(std::bit_cast<float>(static_cast<std::uint32_t>(found[i]) << 16U), expected[i],
                  0.012 * (0.3 + std::abs(expected[i])))
          << to_string(instructions) << ", " << i;
  }
}

TEST_P(AttentionInBfloat16, GivesAQueryTheSameBitsWhicheverOthersAreChosen) {
  for (auto const instructions : {InstructionSet::Portable, detected_instructions()}) {
    auto const all = context_of(0, shape.n, instructions);
    for (std::int64_t query = 0; query < shape.n; ++query) {
      auto const one = context_of(query, 1, instructions);
      ASSERT_EQ(std::memcmp(one.data(), all.data() + query * shape.hidden, one.size() * 2), 0) << query;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionInBfloat16,
                         testing::Values(Shape{1, 64, 2}, Shape{7, 96, 3}, Shape{16, 64, 2}, Shape{37, 128, 2},
                                         Shape{21, 60, 3}, Shape{130, 32, 1}, Shape{40, 64, 1}));

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionOfAText,
                         testing::Values(Shape{1, 64, 2}, Shape{7, 96, 3}, Shape{16, 64, 2}, Shape{37, 128, 2},
                                         Shape{21, 60, 3}, Shape{130, 32, 1}));

}  // namespace
}  // namespace polytask::kernels
