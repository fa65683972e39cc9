#include "model/decode_answer.h"

#include <gmock/gmock.h>

#include <cmath>

namespace polytask::model {
namespace {
using testing::FloatNear;

HeadSpec span_head(std::optional<double> null_threshold = {}, int longest_answer = 30) {
  HeadSpec head;
  head.task = {.name = "answer", .type = task::TaskType::Span, .text = {"question", "context"}};
  head.task.longest_answer = longest_answer;
  head.null_threshold = null_threshold;
  return head;
}

/// "a b c d": a token a letter, behind one token and in front of one.
constexpr std::string_view kContext = "a b c d";
task::Passage passage(std::vector<task::TokenRange> windows = {{0, 4}}) {
  return {.tokens = {{0, 1}, {2, 3}, {4, 5}, {6, 7}}, .n_before = 1, .n_after = 1, .windows = std::move(windows)};
}

/// Starts and ends of the tokens, side by side.
std::vector<float> logits(std::vector<float> const& starts, std::vector<float> const& ends) {
  std::vector<float> both;
  for (std::size_t i = 0; i < starts.size(); ++i) both.insert(both.end(), {starts[i], ends[i]});
  return both;
}

std::string said(task::AnswerPrediction const& prediction) { return prediction.answer ? prediction.answer->text : "-"; }

TEST(DecodeAnswer, TakesTheStartAndEndWithTheHighestSum) {
  auto const found = decode_answer(span_head(), passage(), kContext, logits({0, 1, 5, 0, 0, 9}, {0, 4, 0, 3, 1, 9}));
  EXPECT_EQ(said(found), "b c");
  EXPECT_EQ(found.answer->begin, 2u);
  EXPECT_EQ(found.answer->end, 5u);
  EXPECT_DOUBLE_EQ(found.null_difference, -8.0);
}

TEST(DecodeAnswer, NeverEndsBeforeItStartsNorLeavesTheContext) {
  // The best start is "d" and the best end "a"; question and closing token score higher than both.
  auto const found =
      decode_answer(span_head(), passage(), kContext, logits({50, 0, 0, 0, 6, 50}, {50, 7, 0, 0, 2, 50}));
  EXPECT_EQ(said(found), "d");
}

TEST(DecodeAnswer, NeitherBeginsNorEndsWithATokenThatSaysNothing) {
  auto shown = passage();
  shown.tokens[0] = {0, 0};
  shown.tokens[3] = {6, 6};
  auto const values = logits({0, 9, 2, 1, 0, 0}, {0, 0, 1, 2, 9, 0});
  EXPECT_EQ(said(decode_answer(span_head(), shown, kContext, values)), "b c");
  shown.tokens = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
  EXPECT_EQ(said(decode_answer(span_head(), shown, kContext, values)), "-");
}

TEST(DecodeAnswer, KeepsToTheLongestAnswer) {
  auto const values = logits({0, 9, 0, 0, 0, 0}, {0, 0, 1, 0, 9, 0});
  EXPECT_EQ(said(decode_answer(span_head(), passage(), kContext, values)), "a b c d");
  EXPECT_EQ(said(decode_answer(span_head({}, 3), passage(), kContext, values)), "a b");
  EXPECT_EQ(said(decode_answer(span_head({}, 1), passage(), kContext, values)), "a");
}

TEST(DecodeAnswer, IsNothingWhereThatExceedsTheBestPieceByMoreThanTheThreshold) {
  auto const values = logits({4, 3, 0, 0, 0, 0}, {4, 3, 0, 0, 0, 0});  // 8 against 6
  EXPECT_EQ(said(decode_answer(span_head(2.0), passage(), kContext, values)), "a");
  auto const nothing = decode_answer(span_head(1.9), passage(), kContext, values);
  EXPECT_EQ(said(nothing), "-");
  EXPECT_EQ(nothing.best->text, "a");
  EXPECT_DOUBLE_EQ(nothing.null_difference, 2.0);
  EXPECT_EQ(said(decode_answer(span_head(), passage(), kContext, values)), "a");
}

TEST(DecodeAnswer, TakesTheBestPieceOfAllWindowsAndTheLowestScoreOfNothing) {
  auto const two = passage({{0, 2}, {2, 4}});
  auto values = logits({1, 2, 0, 0}, {1, 2, 0, 0});
  auto const second = logits({5, 3, 0, 0}, {5, 3, 0, 0});
  values.insert(values.end(), second.begin(), second.end());
  auto const found = decode_answer(span_head(0.0), two, kContext, values);
  EXPECT_EQ(said(found), "c");
  EXPECT_DOUBLE_EQ(found.null_difference, 2.0 - 6.0);  // the first window is the less sure that there is none
}

TEST(DecodeAnswer, SaysTheProbabilityOfStartTimesEndInItsWindow) {
  auto const values = logits({0, std::log(3.0F), 0, 0, 0, 0}, {0, std::log(5.0F), 0, 0, 0, 0});
  auto const found = decode_answer(span_head(), passage(), kContext, values);
  EXPECT_THAT(found.score, FloatNear(3.0F / 8 * 5 / 10, 1e-6F));
  EXPECT_THAT(decode_answer(span_head(-10.0), passage(), kContext, values).score, FloatNear(1.0F / 8 / 10, 1e-6F));
}

TEST(DecodeAnswer, OfEqualScoresTakesTheFirstAndShortest) {
  EXPECT_EQ(said(decode_answer(span_head(), passage(), kContext, logits({0, 1, 1, 1, 1, 0}, {0, 1, 1, 1, 1, 0}))), "a");
}

TEST(DecodeAnswer, SaysNothingOfAnEmptyContext) {
  auto const found =
      decode_answer(span_head(), {.n_before = 1, .n_after = 1, .windows = {{0, 0}}}, "", logits({0, 0}, {0, 0}));
  EXPECT_EQ(said(found), "-");
  EXPECT_FALSE(found.best);
  EXPECT_THAT(found.score, FloatNear(0.25F, 1e-6F));
}

TEST(DecodeAnswer, IsFiniteForLogitsOfAnySize) {
  auto const values = logits({-1e30F, 1e30F, 0, 0, 0, 0}, {-1e30F, 1e30F, 0, 0, 0, 0});
  auto const found = decode_answer(span_head(0.0), passage(), kContext, values);
  EXPECT_EQ(said(found), "a");
  EXPECT_FLOAT_EQ(found.score, 1.0F);
}

}  // namespace
}  // namespace polytask::model
