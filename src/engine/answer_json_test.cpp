#include "engine/answer_json.h"

#include <gmock/gmock.h>

#include <cmath>

namespace polytask::engine {
namespace {

task::LabelSet const kLabels({"a", "b"});
std::vector<std::string> const kTexts{"x"};

TEST(AnswerJson, HasTheFormOfItsType) {
  EXPECT_EQ(answer_json(kLabels, task::ClassPrediction{1, {0.25F, 0.75F}}, kTexts).dump(),
            R"({"label":"b","score":0.75})");
  EXPECT_EQ(answer_json(kLabels, task::MultilabelPrediction{{0}, {0.75F, 0.25F}}, kTexts).dump(),
            R"({"labels":["a"],"scores":{"a":0.75,"b":0.25}})");
  EXPECT_EQ(answer_json(kLabels, task::MultilabelPrediction{{}, {0.25F, 0.25F}}, kTexts).dump(),
            R"({"labels":[],"scores":{"a":0.25,"b":0.25}})");
  EXPECT_EQ(answer_json({}, task::ValuePrediction{2.5}, kTexts).dump(), R"({"value":2.5})");
  EXPECT_EQ(answer_json({}, task::ValuePrediction{123456.789}, kTexts).dump(), R"({"value":123456.8})")
      << "the digits of a float32";
  EXPECT_EQ(answer_json({}, task::ValuePrediction{std::nan("")}, kTexts).dump(), R"({"value":null})");
  EXPECT_EQ(answer_json(kLabels, task::SpanPrediction{}, kTexts).dump(), R"({"spans":[]})");
  EXPECT_EQ(answer_json({}, task::ValuePrediction{2.5}, kTexts, 7).dump(), R"({"value":2.5,"tokens_cut":7})");
}

TEST(AnswerJson, CountsSpansInCharacters) {
  std::string const text = "Größe 😀 lamp";
  auto const begin = text.find("lamp");
  EXPECT_EQ(answer_json(kLabels, task::SpanPrediction{{{{begin, begin + 4, "a"}, 0.5F}}}, std::vector{text}).dump(),
            R"({"spans":[[8,12,"a",0.5]]})");
}

TEST(AnswerJson, SaysWhatStandsInTheContextAndWhereOrThatThereIsNothing) {
  std::vector<std::string> const texts{"what?", "Größe 😀 lamp"};
  auto const begin = texts[1].find("lamp");
  task::TextPiece const lamp{begin, begin + 4, "lamp"};
  EXPECT_EQ(answer_json({}, task::AnswerPrediction{lamp, 0.25F, lamp, -1.5}, texts).dump(),
            R"({"answer":"lamp","start":8,"end":12,"score":0.25,"null_difference":-1.5})");
  EXPECT_EQ(answer_json({}, task::AnswerPrediction{{}, 0.75F, lamp, 2}, texts).dump(),
            R"({"answer":null,"score":0.75,"null_difference":2.0})");
}

}  // namespace
}  // namespace polytask::engine
