#include "train/internal/adamw.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <map>
#include <memory>
#include <string>
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

TEST(AdamW, MovesLowerLayersByTheirShareOfTheTopOnesStep) {
  torch::nn::Module model;
  std::map<std::string, torch::Tensor> weights;
  auto const add = [&](std::vector<std::string> const& path) {
    std::shared_ptr<torch::nn::Module> folder;
    auto name = path.front();
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      auto& parent = folder ? *folder : model;
      auto const known = parent.named_children().find(path[i]);
      folder = known != nullptr ? *known : parent.register_module(path[i], std::make_shared<torch::nn::Module>());
      if (i > 0) name += "." + path[i];
    }
    weights[name] = folder->register_parameter(path.back(), torch::ones({1}));
  };
  add({"encoder", "embeddings", "word_embeddings", "weight"});
  for (auto const* const layer : {"0", "1", "2"}) add({"encoder", "encoder", "layer", layer, "weight"});
  for (auto const* const layer : {"0", "1"}) add({"private_words", layer, "weight"});
  AdamW optimizer(model, {.layer_decay = 0.5, .weight_decay = 0});
  for (auto& [name, weight] : weights) weight.mutable_grad() = torch::full({1}, 0.5);
  optimizer.step(0.1, 1.0);  // the first step of Adam is one learning rate, whatever the gradient
  auto const step = [&](std::string const& name) { return (1 - weights.at(name).item<double>()) / 0.1; };
  EXPECT_NEAR(step("encoder.encoder.layer.2"), 1, 1e-5);
  EXPECT_NEAR(step("encoder.encoder.layer.1"), 0.5, 1e-5);
  EXPECT_NEAR(step("encoder.encoder.layer.0"), 0.25, 1e-5);
  EXPECT_NEAR(step("encoder.embeddings.word_embeddings"), 0.125, 1e-5);
  EXPECT_NEAR(step("private_words.1"), 1, 1e-5);
  EXPECT_NEAR(step("private_words.0"), 0.5, 1e-5);
}

}  // namespace
}  // namespace polytask::train
