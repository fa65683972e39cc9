#include "stats/bootstrap.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

namespace polytask::stats {
namespace {

TEST(Quantile, InterpolatesAsNumpyDoes) {
  std::vector<double> const values{1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 3.0);
  EXPECT_DOUBLE_EQ(quantile(values, 0.9), 6.8);
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

TEST(BootstrapInterval, CoversTheTrueMeanAsOftenAsItClaims) {
  Rng rng(1);
  int covered = 0;
  constexpr int kRepeats = 400;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    std::vector<double> values(80);
    for (auto& value : values) value = rng.normal();
    auto const interval =
        bootstrap_interval(values.size(), {.n_resamples = 300, .confidence = 0.9}, rng, [&](auto counts) {
          double sum = 0;
          for (std::size_t i = 0; i < values.size(); ++i) sum += counts[i] * values[i];
          return sum / static_cast<double>(values.size());
        });
    covered += interval.low <= 0 && 0 <= interval.high;
  }
  EXPECT_NEAR(covered / static_cast<double>(kRepeats), 0.9, 0.045);  // 3 standard deviations
}

TEST(BootstrapInterval, IsTheValueItselfWithoutResamples) {
  Rng rng(1);
  auto const interval =
      bootstrap_interval(3, {.n_resamples = 0}, rng, [](auto counts) { return static_cast<double>(counts.size()); });
  EXPECT_EQ(interval.low, 3);
  EXPECT_EQ(interval.high, 3);
}

}  // namespace
}  // namespace polytask::stats
