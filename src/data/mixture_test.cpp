#include "data/mixture.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "data/batches.h"

namespace polytask::data {
namespace {
using testing::DoubleNear;
using testing::ElementsAre;

TEST(Mixture, KeepsItsSharesAfterAnyNumberOfDraws) {
  std::vector<double> const shares{0.5, 0.3, 0.15, 0.05};
  Mixture mixture({100, 70, 30, 7}, shares, 1);
  std::vector<double> counts(4, 0);
  for (int n = 1; n <= 3'000; ++n) {
    ++counts[mixture.next().stream];
    for (std::size_t i = 0; i < 4; ++i) ASSERT_LT(std::abs(counts[i] - n * shares[i]), 4.0) << "after " << n;
  }
}

TEST(Mixture, DrawsEveryRowOnceBeforeAnyTwiceAndInANewOrder) {
  Mixture mixture({20}, {1.0}, 5);
  std::vector<std::size_t> first;
  std::vector<std::size_t> second;
  for (int i = 0; i < 20; ++i) first.push_back(mixture.next().row);
  for (int i = 0; i < 20; ++i) second.push_back(mixture.next().row);
  EXPECT_EQ(std::set(first.begin(), first.end()).size(), 20u);
  EXPECT_EQ(std::set(second.begin(), second.end()).size(), 20u);
  EXPECT_NE(first, second);
}

TEST(Mixture, ContinuesFromASavedStateWithTheSameRows) {
  Mixture mixture({20, 5}, {2.0, 1.0}, 5);
  for (int i = 0; i < 33; ++i) mixture.next();
  Mixture resumed({20, 5}, {2.0, 1.0}, 5);
  resumed.restore(mixture.state());
  for (int i = 0; i < 50; ++i) ASSERT_EQ(resumed.next(), mixture.next());
}

TEST(TemperatureShares, FollowRaffelEtAl) {
  EXPECT_THAT(temperature_shares({100, 400, 1'000'000}, 2.0, 10'000),
              ElementsAre(DoubleNear(10, 1e-9), DoubleNear(20, 1e-9), DoubleNear(100, 1e-9)));
  EXPECT_THAT(temperature_shares({3, 9}, 1.0, 65'536), ElementsAre(3.0, 9.0));
}

BatchPlan plan_of(std::int64_t n_rows, BatchBudget budget) {
  return BatchPlan(Mixture({4, 2}, {1.0, 1.0}, 1), {{5, 9, 3, 30}, {4, 4}}, budget, n_rows);
}

TEST(BatchPlan, FillsUpToTheTokenBudgetAndLosesNoRow) {
  auto plan = plan_of(12, {.max_tokens = 16});
  std::vector<DrawnRow> all;
  std::vector<std::vector<std::int32_t>> const lengths{{5, 9, 3, 30}, {4, 4}};
  std::int64_t const counted = plan.totals().n_batches;
  std::int64_t n_batches = 0;
  for (auto rows = plan.next(); !rows.empty(); rows = plan.next(), ++n_batches) {
    int n_tokens = 0;
    for (auto const& row : rows) n_tokens += lengths[row.stream][row.row];
    EXPECT_TRUE(n_tokens <= 16 || rows.size() == 1);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  EXPECT_EQ(n_batches, counted);
  Mixture mixture({4, 2}, {1.0, 1.0}, 1);
  ASSERT_EQ(all.size(), 12u);
  for (auto const& row : all) EXPECT_EQ(row, mixture.next());
}

TEST(BatchPlan, CountsTextsWhenToldTo) {
  auto plan = plan_of(7, {.max_texts = 3});
  EXPECT_EQ(plan.next().size(), 3u);
  EXPECT_EQ(plan.next().size(), 3u);
  EXPECT_EQ(plan.next().size(), 1u);
  EXPECT_TRUE(plan.next().empty());
}

TEST(BatchPlan, ContinuesFromASavedStateIncludingTheRowThatDidNotFit) {
  auto plan = plan_of(40, {.max_tokens = 16});
  for (int i = 0; i < 5; ++i) (void)plan.next();
  auto resumed = plan_of(40, {.max_tokens = 16});
  resumed.restore(plan.state());
  for (auto rows = plan.next(); !rows.empty(); rows = plan.next()) ASSERT_EQ(resumed.next(), rows);
}

}  // namespace
}  // namespace polytask::data
