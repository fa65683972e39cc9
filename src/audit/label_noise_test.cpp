#include "audit/label_noise.h"

#include <gtest/gtest.h>

#include <cmath>

namespace polytask::audit {
namespace {

TEST(ConfidentLearning, DoubtsRowsThatAnotherLabelOutdoes) {
  std::vector<std::size_t> const given{0, 0, 0, 1, 1, 1};
  std::vector<float> const probabilities{0.9F, 0.1F, 0.8F, 0.2F, 0.1F, 0.9F, 0.2F, 0.8F, 0.3F, 0.7F, 0.45F, 0.55F};
  auto const noise = confident_learning(given, probabilities, 2);
  // Mean probability of label 0 among its rows: 0.6; of label 1: 0.6833.
  EXPECT_NEAR(noise.self_confidence[0], 0.6, 1e-6);
  EXPECT_NEAR(noise.self_confidence[1], 2.05 / 3, 1e-6);
  ASSERT_EQ(noise.suspects.size(), 1U);
  EXPECT_EQ(noise.suspects[0].row, 2U);
  EXPECT_EQ(noise.suspects[0].suggested, 1U);
  EXPECT_NEAR(noise.suspects[0].margin, -0.8, 1e-6);
}

TEST(ConfidentLearning, DoubtsNothingThatTheModelIsUnsureOf) {
  // Every row gets the shares of the labels: no label is above its own mean and above the given one.
  std::vector<std::size_t> const given{0, 0, 0, 1};
  std::vector<float> const probabilities{0.75F, 0.25F, 0.75F, 0.25F, 0.75F, 0.25F, 0.75F, 0.25F};
  auto const noise = confident_learning(given, probabilities, 2);
  ASSERT_EQ(noise.suspects.size(), 1U);  // the one that the majority outvotes, and not surely
  EXPECT_NEAR(noise.suspects[0].margin, -0.5, 1e-6);
}

TEST(ConfidentLearning, RanksTheSurestFirst) {
  std::vector<std::size_t> const given{0, 0, 0, 0, 1, 1, 1, 1};
  std::vector<float> const p{0.2F, 0.8F, 0.1F, 0.9F, 0.9F, 0.1F, 0.9F, 0.1F,
                             0.1F, 0.9F, 0.2F, 0.8F, 0.3F, 0.7F, 0.3F, 0.7F};
  auto const noise = confident_learning(given, p, 2);
  ASSERT_EQ(noise.suspects.size(), 2U);
  EXPECT_EQ(noise.suspects[0].row, 1U);
  EXPECT_EQ(noise.suspects[1].row, 0U);
}

TEST(ConfidentLearning, KnowsNothingOfALabelWithoutRows) {
  auto const noise = confident_learning(std::vector<std::size_t>{0}, std::vector<float>{0.1F, 0.9F}, 2);
  EXPECT_TRUE(std::isnan(noise.self_confidence[1]));
  EXPECT_TRUE(noise.suspects.empty());
}

TEST(Outliers, AreFarFromWhatIsExpected) {
  std::vector<double> given;
  std::vector<float> expected;
  for (int i = 0; i < 50; ++i) given.push_back(i % 2 == 0 ? 1.0 : -1.0), expected.push_back(0.0F);
  given[7] = 40;
  auto const found = outliers(given, expected);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].row, 7U);
  EXPECT_NEAR(found[0].deviations, 40 / 1.4826, 1e-9);
  EXPECT_TRUE(outliers({}, {}).empty());
  EXPECT_TRUE(outliers(std::vector<double>(9, 1.0), std::vector<float>(9, 1.0F)).empty());
}

}  // namespace
}  // namespace polytask::audit
