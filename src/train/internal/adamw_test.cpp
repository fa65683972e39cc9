#include "train/internal/adamw.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <vector>

namespace polytask::train {
namespace {
using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;

std::vector<double> rates(TrainConfig const& config, std::int64_t n_steps) {
  std::vector<double> rates;
  for (std::int64_t step = 1; step <= n_steps; ++step) rates.push_back(learning_rate_at(config, step, n_steps));
  return rates;
}

auto near(double value) { return DoubleNear(value, 1e-12); }

TEST(LearningRate, RisesToItsPeakAndFallsInAStraightLine) {
  TrainConfig const config{.learning_rate = 1.0, .warmup_ratio = 0.25, .schedule = Schedule::Linear};
  EXPECT_THAT(rates(config, 8), ElementsAre(near(1. / 2), near(1), near(6. / 7), near(5. / 7), near(4. / 7),
                                            near(3. / 7), near(2. / 7), near(1. / 7)));
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

TEST(AdamW, MovesHeadsByTheirFactorOfTheEncodersStep) {
  torch::nn::Module model;
  auto const encoder = model.register_parameter("encoder", torch::ones({2}));
  auto const head = model.register_module("heads", std::make_shared<torch::nn::Module>())
                        ->register_parameter("intent", torch::ones({2}));
  AdamW optimizer(model, {.head_learning_rate_factor = 20, .weight_decay = 0});
  for (auto tensor : {encoder, head}) tensor.mutable_grad() = torch::full({2}, 0.5);
  optimizer.step(0.001, 1.0);  // the first step of Adam is one learning rate, whatever the gradient
  EXPECT_NEAR(encoder[0].item<double>(), 1 - 0.001, 1e-6);
  EXPECT_NEAR(head[0].item<double>(), 1 - 20 * 0.001, 1e-6);
}

}  // namespace
}  // namespace polytask::train
