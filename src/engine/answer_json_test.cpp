#include "engine/answer_json.h"

#include <gmock/gmock.h>

#include <cmath>

namespace polytask::engine {
namespace {

task::LabelSet const kLabels({"a", "b"});

TEST(AnswerJson, HasTheFormOfItsType) {
  EXPECT_EQ(answer_json(kLabels, task::ClassPrediction{1, {0.25F, 0.75F}}, "x").dump(),
            R"({"label":"b","score":0.75})");
  EXPECT_EQ(answer_json(kLabels, task::MultilabelPrediction{{0}, {0.75F, 0.25F}}, "x").dump(),
            R"({"labels":["a"],"scores":{"a":0.75,"b":0.25}})");
  EXPECT_EQ(answer_json(kLabels, task::MultilabelPrediction{{}, {0.25F, 0.25F}}, "x").dump(),
            R"({"labels":[],"scores":{"a":0.25,"b":0.25}})");
  EXPECT_EQ(answer_json({}, task::ValuePrediction{2.5}, "x").dump(), R"({"value":2.5})");
  EXPECT_EQ(answer_json({}, task::ValuePrediction{123456.789}, "x").dump(), R"({"value":123456.8})")
      << "the digits of a float32";
  EXPECT_EQ(answer_json({}, task::ValuePrediction{std::nan("")}, "x").dump(), R"({"value":null})");
  EXPECT_EQ(answer_json(kLabels, task::SpanPrediction{}, "x").dump(), R"({"spans":[]})");
  EXPECT_EQ(answer_json({}, task::ValuePrediction{2.5}, "x", 7).dump(), R"({"value":2.5,"tokens_cut":7})");
}

TEST(AnswerJson, CountsSpansInCharacters) {
  std::string const text = "Größe 😀 lamp";
  auto const begin = text.find("lamp");
  EXPECT_EQ(answer_json(kLabels, task::SpanPrediction{{{{begin, begin + 4, "a"}, 0.5F}}}, text).dump(),
            R"({"spans":[[8,12,"a",0.5]]})");
}

}  // namespace
}  // namespace polytask::engine
