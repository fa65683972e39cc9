#include "kernels/text_attention.h"

#include <gmock/gmock.h>

#include <cstring>

#include "kernels/attention.h"
#include "kernels/internal/random_floats.h"

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

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionOfAText,
                         testing::Values(Shape{1, 64, 2}, Shape{7, 96, 3}, Shape{16, 64, 2}, Shape{37, 128, 2},
                                         Shape{21, 60, 3}, Shape{130, 32, 1}));

}  // namespace
}  // namespace polytask::kernels
