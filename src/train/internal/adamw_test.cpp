#include "train/internal/adamw.h"

#include <gmock/gmock.h>

#include <vector>

namespace polytask::train {
namespace {
using testing::Each;
using testing::ElementsAre;
using testing::DoubleNear;

std::vector<double> rates(TrainConfig const& config, std::int64_t n_steps) {
  std::vector<double> rates;
  for (std::int64_t step = 1; step <= n_steps; ++step) rates.push_back(learning_rate_at(config, step, n_steps));
  return rates;
}

auto near(double value) { return DoubleNear(value, 1e-12); }

TEST(LearningRate, RisesToItsPeakAndFallsInAStraightLine) {
  TrainConfig const config{.learning_rate = 1.0, .warmup_ratio = 0.25, .schedule = Schedule::Linear};
  EXPECT_THAT(rates(config, 8), ElementsAre(near(1. / 2), near(1), near(6. / 7), near(5. / 7), near(4. / 7), near(3. / 7), near(2. / 7), near(1. / 7)));
}

TEST(LearningRate, FallsAsHalfACosine) {
  TrainConfig const config{.learning_rate = 2.0, .warmup_ratio = 0.0, .schedule = Schedule::Cosine};
  auto const all = rates(config, 5);  // the first step is the warm-up's: there is always one
  EXPECT_THAT(all[0], near(2));
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i], all[i - 1]);
  EXPECT_NEAR(all[1] + all[4], 2.0, 1e-12);  // symmetric about the middle
  EXPECT_GT(all[4], 0);
}

TEST(LearningRate, StaysWhereTheWarmUpBroughtIt) {
  TrainConfig const config{.learning_rate = 3.0, .warmup_ratio = 0.0, .schedule = Schedule::Constant};
  EXPECT_THAT(rates(config, 6), Each(near(3)));
}

TEST(LearningRate, OnlyRisesWhenAllStepsAreWarmUp) {
  for (auto const schedule : {Schedule::Linear, Schedule::Cosine, Schedule::Constant}) {
    TrainConfig const config{.learning_rate = 1.0, .warmup_ratio = 1.0, .schedule = schedule};
    EXPECT_THAT(rates(config, 4), ElementsAre(near(0.25), near(0.5), near(0.75), near(1)));
    EXPECT_THAT(rates(config, 1), ElementsAre(near(1)));
  }
}

}  // namespace
}  // namespace polytask::train
