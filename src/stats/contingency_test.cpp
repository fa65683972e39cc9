#include "stats/contingency.h"

#include <gmock/gmock.h>

#include "base/random.h"

namespace polytask::stats {
namespace {

using testing::ElementsAre;

// scipy 1.17.1: chi2_contingency(table, correction=False), chi2.sf.
TEST(ChiSquareTest, GivesTheNumbersOfScipy) {
  auto const found = chi_square_test({{10, 20, 30}, {6, 9, 17}});
  EXPECT_NEAR(found.statistic, 0.27157465150403504, 1e-12);
  EXPECT_EQ(found.degrees_of_freedom, 2U);
  EXPECT_NEAR(found.p_value, 0.873028283380073, 1e-12);
  EXPECT_EQ(found.n, 92U);
  EXPECT_NEAR(chi_square_tail(3.841458820694124, 1), 0.05, 1e-12);
  EXPECT_NEAR(chi_square_tail(250, 200), 0.009379131668826098, 1e-12);
  EXPECT_NEAR(chi_square_tail(100, 4) / 9.836624224615988e-21, 1.0, 1e-9);
}

TEST(ChiSquareTest, SaysNothingOfOneSliceOrOneLabel) {
  EXPECT_EQ(chi_square_test({{10, 20}}).p_value, 1.0);
  EXPECT_EQ(chi_square_test({{10, 0}, {7, 0}}).degrees_of_freedom, 0U);
  EXPECT_EQ(chi_square_test({}).p_value, 1.0);
}

TEST(ChiSquareTest, MeasuresHowStronglyTheyGoTogether) {
  EXPECT_NEAR(chi_square_test({{500, 0}, {0, 500}}).cramers_v, 1.0, 1e-3);
  EXPECT_NEAR(chi_square_test({{250, 250}, {250, 250}}).cramers_v, 0.0, 1e-12);
}

TEST(ChiSquareTest, RaisesFalseAlarmsAsOftenAsItSays) {
  Rng rng(7);
  int n_alarms = 0;
  constexpr int kTables = 2'000;
  for (int t = 0; t < kTables; ++t) {
    std::vector<std::vector<std::size_t>> table(3, std::vector<std::size_t>(8));
    for (int row = 0; row < 400; ++row) ++table[rng.below(3)][rng.below(8) * rng.below(8) / 8];
    n_alarms += chi_square_test(merged(table)).p_value < 0.05;
  }
  EXPECT_NEAR(n_alarms / double{kTables}, 0.05, 0.015);  // 3 standard errors
}

TEST(Merged, AddsUpTheRareUntilTheTestHolds) {
  auto const table = merged({{100, 50, 2, 1}, {90, 60, 1, 2}, {1, 1, 0, 0}});
  EXPECT_THAT(table, ElementsAre(ElementsAre(101, 54), ElementsAre(90, 63)));
}

TEST(Merged, LeavesNothingToTestWhereTooFewAreToBeExpected) {
  auto const table = merged({{993, 4}, {2, 1}});  // one row of three where 0.015 are to be expected
  EXPECT_EQ(chi_square_test(table).degrees_of_freedom, 0U);
  EXPECT_EQ(chi_square_test(table).p_value, 1);
}

TEST(Merged, KeepsWhatIsLargeEnough) {
  std::vector<std::vector<std::size_t>> const table{{30, 20}, {25, 40}};
  EXPECT_EQ(merged(table), table);
}

TEST(Holm, AdjustsAsDefined) {
  EXPECT_THAT(
      holm(std::vector{0.01, 0.04, 0.03, 0.005}),
      ElementsAre(testing::DoubleEq(0.03), testing::DoubleEq(0.06), testing::DoubleEq(0.06), testing::DoubleEq(0.02)));
  EXPECT_TRUE(holm({}).empty());
}

}  // namespace
}  // namespace polytask::stats
