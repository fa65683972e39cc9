#include "model/precision_plan.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace polytask::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

PrecisionPlan some_plan() {
  return {.precision = "int8",
          .higher = {{"encoder.layer.1.output", "bf16"}},
          .losses = {{"intent",
                      {.metric = "accuracy",
                       .exact = 0.9,
                       .now = 0.895,
                       .difference_interval = {-0.01, 0.002},
                       .n = 200,
                       .split = "dev"}}}};
}

TEST(PrecisionPlan, IsReadBackAsItWasWritten) {
  auto const text = precision_plan_text(some_plan());
  auto const plan = parse_precision_plan(text, "precision.json");
  EXPECT_EQ(precision_plan_text(plan), text);
  EXPECT_EQ(plan.higher.at("encoder.layer.1.output"), "bf16");
  EXPECT_EQ(plan.losses.at("intent").n, 200);
}

TEST(PrecisionPlan, RefusesWhatItDoesNotKnow) {
  auto const refused = [](std::string text, std::string const& from, std::string const& to, std::string const& phrase) {
    text.replace(text.find(from), from.size(), to);
    try {
      (void)parse_precision_plan(text, "precision.json");
      FAIL() << text;
    } catch (Error const& error) {
      EXPECT_THAT(error.what(), HasSubstr(phrase));
      EXPECT_THAT(error.what(), HasSubstr("precision.json"));
    }
  };
  auto const text = precision_plan_text(some_plan());
  refused(text, "\"schema\": 1", "\"schema\": 2", "newer Polytask");
  for (auto const* schema : {"0", "-1", "1.5", "\"1\"", "null"})
    refused(text, "\"schema\": 1", std::string("\"schema\": ") + schema, "expected 1");
  refused(text, "\"schema\": 1", "\"schema\": 4294967297", "newer Polytask");
  refused(text, "\"int8\"", "\"int4\"", "\"int4\" is no precision");
  refused(text, "\"bf16\"", "7", "quantize again");
  refused(text, "0.895", "\"x\"", "quantize again");
  refused(text, "0.895", "1e999", "precision.json");
  refused(text, "200", "-1", "\"-1\" is no number of rows");
  refused(text, "200", "2.5", "\"2.5\" is no number of rows");
  refused(text, "{\n  \"encoder.layer.1.output\": \"bf16\"\n }", "[\"bf16\"]", "\"higher\" is no object");
  refused(text, "}", "", "precision.json");
}

TEST(PrecisionPlan, BelongsToAModelThatHasItsGroups) {
  EncoderConfig config;
  config.num_hidden_layers = 2;
  check_precision_plan(some_plan(), config, {}, "precision.json");
  config.num_hidden_layers = 1;
  try {
    check_precision_plan(some_plan(), config, {}, "precision.json");
    FAIL() << "the model has one layer";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
    EXPECT_THAT(error.what(), HasSubstr("precision.json: gives \"encoder.layer.1.output\" a precision, which the model "
                                        "does not have; it belongs to another model"));
  }
}

TEST(LayerGroups, AreFourALayerThoseOfPrivateLayersToo) {
  EncoderConfig config;
  config.num_hidden_layers = 2;
  ModelSpec spec{.private_layers = 1};
  HeadSpec text, words;
  text.task = {.name = "a", .text = {"text"}};
  words.task = {.name = "b", .type = task::TaskType::Tagging, .text = {"text"}};
  spec.heads = {text, words};
  EXPECT_THAT(
      layer_groups(config, spec),
      ElementsAre("encoder.layer.0.attention.self", "encoder.layer.0.attention.output", "encoder.layer.0.intermediate",
                  "encoder.layer.0.output", "encoder.layer.1.attention.self", "encoder.layer.1.attention.output",
                  "encoder.layer.1.intermediate", "encoder.layer.1.output",
                  "private/words/encoder.layer.1.attention.self", "private/words/encoder.layer.1.attention.output",
                  "private/words/encoder.layer.1.intermediate", "private/words/encoder.layer.1.output"));
}

TEST(LayerGroups, HaveTheConvolutionBesideTheFirstLayer) {
  EncoderConfig config;
  config.num_hidden_layers = 2;
  config.convolution = Convolution{};
  HeadSpec head;
  head.task = {.name = "a", .text = {"text"}};
  head.private_layers = 2;
  auto const groups = layer_groups(config, {.heads = {head}});
  EXPECT_THAT(groups, testing::SizeIs(18));
  for (auto const& prefix : {std::string(), layer_group_prefix("a")})
    EXPECT_THAT(groups, testing::Contains(prefix + "encoder.layer.0.convolution"));
}

}  // namespace
}  // namespace polytask::model
