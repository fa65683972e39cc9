#include "kernels/pooling.h"

#include <gmock/gmock.h>

#include <vector>

namespace polytask::kernels {
namespace {

using testing::ElementsAre;

std::vector<std::int32_t> const kOffsets{0, 1, 3, 6};
std::vector<float> const kHidden{1, 2, /**/ 3, 4, 5, 8, /**/ 1, 1, 2, 2, 6, 9};

TEST(MeanPool, AveragesTheTokensOfTheTextsAskedFor) {
  std::vector<std::int64_t> const texts{2, 0};
  std::vector<float> pooled(4, -1.0F);
  mean_pool_forward({kOffsets, texts, 2}, kHidden.data(), pooled.data());
  EXPECT_THAT(pooled, ElementsAre(3, 4, 1, 2));
}

TEST(MeanPool, GivesEachTokenItsShareOfTheGradient) {
  std::vector<std::int64_t> const texts{1, 2};
  std::vector<float> const grad_pooled{2, 4, 3, 6};
  std::vector<float> grad_hidden(kHidden.size(), 0.0F);
  mean_pool_backward({kOffsets, texts, 2}, grad_pooled.data(), grad_hidden.data());
  EXPECT_THAT(grad_hidden, ElementsAre(0, 0, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2));
}

}  // namespace
}  // namespace polytask::kernels
