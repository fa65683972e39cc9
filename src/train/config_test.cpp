#include "train/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>
#include <limits>

namespace polytask::train {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

/// "place: message" of every problem of the defaults after a change.
std::vector<std::string> problems_with(std::function<void(TrainConfig&)> const& change) {
  TrainConfig config;
  change(config);
  std::vector<std::string> found;
  for (auto const& problem : problems(config)) found.push_back(problem.where + ": " + problem.message);
  return found;
}

TEST(TrainConfig, HasDefaultsThatBreakNoRule) { EXPECT_THAT(problems(TrainConfig()), testing::IsEmpty()); }

TEST(TrainConfig, RefusesNumbersThatOnlyASlipCanMean) {
  double const nan = std::numeric_limits<double>::quiet_NaN();
  double const infinity = std::numeric_limits<double>::infinity();
  for (double const value : {0.0, -1.0, nan, infinity, 1e9}) {
    EXPECT_THAT(problems_with([&](auto& config) { config.epochs = value; }),
                ElementsAre(HasSubstr("train.epochs: is ")))
        << value;
    EXPECT_THAT(problems_with([&](auto& config) { config.evaluations_per_epoch = value; }),
                ElementsAre(HasSubstr("train.evaluations_per_epoch: is ")))
        << value;
  }
  for (double const value : {0.0, -1.0, nan, infinity}) {
    EXPECT_THAT(problems_with([&](auto& config) { config.learning_rate = value; }),
                ElementsAre(HasSubstr("a number above 0")))
        << value;
    EXPECT_THAT(problems_with([&](auto& config) { config.head_learning_rate_factor = value; }),
                ElementsAre(HasSubstr("train.head_learning_rate_factor: is ")))
        << value;
  }
  for (double const value : {0.0, -1.0, 1.01, nan, infinity})
    EXPECT_THAT(problems_with([&](auto& config) { config.layer_decay = value; }),
                ElementsAre(HasSubstr("train.layer_decay: is ")))
        << value;
  EXPECT_THAT(problems_with([](auto& config) { config.layer_decay = 1.0 / 2.6; }), testing::IsEmpty());
  for (double const value : {-0.1, 1.0, nan})
    EXPECT_THAT(problems_with([&](auto& config) { config.dropout = value; }), ElementsAre(HasSubstr("train.dropout: ")))
        << value;
  for (std::int64_t const value : {7, 1 << 23}) {
    EXPECT_THAT(problems_with([&](auto& config) { config.max_length = value; }),
                ElementsAre("train.max_length: is " + std::to_string(value) +
                            "; expected a whole number of at least 8 and at most 65536"));
    EXPECT_THAT(problems_with([&](auto& config) { config.batch_tokens = value; }),
                ElementsAre(HasSubstr("train.batch_tokens: ")));
  }
  for (std::int64_t const value : {0, 1 << 17})
    EXPECT_THAT(problems_with([&](auto& config) { config.batch_size = value; }),
                ElementsAre(HasSubstr("train.batch_size: ")));
}

TEST(TrainConfig, AsksForNoMoreThanTheEncoderHas) {
  TrainConfig config;
  auto const encoder = scratch_encoder(config);
  EXPECT_THAT(problems(config, encoder), testing::IsEmpty());
  config.private_layers = encoder.num_hidden_layers + 1;
  config.max_length = encoder.longest_text() + 1;
  auto const found = problems(config, encoder);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].message, fmt::format("is {}; expected at most {}, the positions of the encoder", config.max_length,
                                          encoder.longest_text()));
  EXPECT_EQ(found[1].where, "train.private_layers");
}

TEST(TrainConfig, FreezesAsManyLayersAsThereAreBelowThePrivateOnes) {
  TrainConfig config;
  auto const encoder = scratch_encoder(config);
  config.frozen_layers = encoder.num_hidden_layers;
  EXPECT_THAT(problems(config, encoder), testing::IsEmpty());
  config.private_layers = 1;
  EXPECT_THAT(problems(config, encoder), testing::SizeIs(1));
  EXPECT_EQ(problems(config, encoder)[0].message,
            "is 1; expected at most 0, the layers of the encoder above train.frozen_layers");
  config.frozen_layers = encoder.num_hidden_layers + 1;
  config.private_layers.reset();
  EXPECT_THAT(problems(config, encoder), testing::SizeIs(1));
  EXPECT_EQ(problems(config, encoder)[0].where, "train.frozen_layers");
  EXPECT_THAT(problems_with([](auto& changed) { changed.frozen_layers = -1; }),
              ElementsAre(HasSubstr("train.frozen_layers: is -1")));
  for (double const value : {-1.0, 1e7, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THAT(problems_with([&](auto& changed) { changed.frozen_states_gb = value; }),
                ElementsAre(HasSubstr("train.frozen_states_gb: is ")));
}

TEST(TrainConfig, RefusesEncodersThatNoMachineHolds) {
  EXPECT_THAT(problems_with([](auto& config) { config.scratch.hidden_size = 130; }),
              ElementsAre(HasSubstr("a multiple of scratch.heads (4)")));
  EXPECT_THAT(problems_with([](auto& config) { config.scratch.heads = 0; }),
              ElementsAre(HasSubstr("train.scratch.heads: is 0")));
  EXPECT_THAT(
      problems_with([](auto& config) { config.scratch = {.layers = 48, .hidden_size = 2048, .heads = 16}; }),
      ElementsAre(HasSubstr("train.scratch: is an encoder of 2432 million parameters; expected at most 1000 million")));
  EXPECT_THAT(problems_with([](auto& config) {
                config.scratch = {.layers = 12, .hidden_size = 768, .heads = 12, .vocab_size = 30'000};
              }),
              testing::IsEmpty());
}

TEST(TrainConfig, PrivateLayersBelongToTheSplitArchitecture) {
  EXPECT_THAT(problems_with([](auto& config) { config.private_layers = 2; }), testing::IsEmpty());
  EXPECT_THAT(problems_with([](auto& config) { config.private_layers = -1; }),
              ElementsAre(HasSubstr("train.private_layers: is -1")));
  EXPECT_THAT(
      problems_with([](auto& config) { config.architecture = Architecture::Shared, config.private_layers = 2; }),
      ElementsAre(HasSubstr("train.private_layers: is 2; expected nothing or 0, as train.architecture is \"shared\"")));
}

TEST(TrainConfig, SaysEverythingAtOnce) {
  auto const found = problems_with([](auto& config) {
    config.precision = "int8";
    config.sampling.type = SamplingType::Specified;
    config.selection.weights["intent"] = -1;
    config.scratch.layers = 0;
  });
  EXPECT_THAT(found, ElementsAre(HasSubstr("train.precision: is \"int8\"; expected \"f32\", \"bf16\" or \"auto\""),
                                 HasSubstr("train.sampling.weights: "), HasSubstr("train.selection.weights.intent: "),
                                 HasSubstr("train.scratch.layers: ")));
}

}  // namespace
}  // namespace polytask::train
