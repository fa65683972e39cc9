#include "stats/sample_size.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace polytask::stats {
namespace {

TEST(DetectableDifference, SolvesItsEquation) {
  // delta in points for p_d of 5, 10 and 20 %: 200, 1,000 and 5,000 rows, rounded.
  EXPECT_NEAR(100 * detectable_difference(200, 0.05), 4.4, 0.05);
  EXPECT_NEAR(100 * detectable_difference(1'000, 0.05), 2.0, 0.05);
  EXPECT_NEAR(100 * detectable_difference(1'000, 0.10), 2.8, 0.05);
  EXPECT_NEAR(100 * detectable_difference(5'000, 0.20), 1.8, 0.05);
}

TEST(DetectableDifference, FallsWithTheRows) {
  double before = 2;
  for (std::size_t n : {0U, 1U, 5U, 20U, 100U, 10'000U}) {
    double const now = detectable_difference(n);
    EXPECT_LT(now, before + 1e-12) << n;
    before = now;
  }
  EXPECT_EQ(detectable_difference(0), 1.0);
}

TEST(RowsToDetect, IsTheWayBack) {
  for (double const difference : {0.005, 0.01, 0.02, 0.05}) {
    auto const n = rows_to_detect(difference);
    EXPECT_LE(detectable_difference(n), difference * (1 + 1e-6));
    EXPECT_GT(detectable_difference(n - 1), difference * (1 - 1e-6));
  }
}

TEST(DetectableDifference, IsFoundInFourOfFiveExperiments) {
  constexpr std::size_t kRows = 1'000;
  double const delta = detectable_difference(kRows, 0.10);
  Rng rng(3);
  int n_found = 0;
  constexpr int kExperiments = 4'000;
  for (int e = 0; e < kExperiments; ++e) {
    double better = 0, worse = 0;
    for (std::size_t i = 0; i < kRows; ++i) {
      double const u = rng.uniform();
      better += u < (0.10 + delta) / 2;
      worse += u >= (0.10 + delta) / 2 && u < 0.10;
    }
    n_found += (better - worse) * (better - worse) > 1.959963984540054 * 1.959963984540054 * (better + worse);
  }
  EXPECT_NEAR(n_found / double{kExperiments}, 0.80, 0.03);
}

}  // namespace
}  // namespace polytask::stats
