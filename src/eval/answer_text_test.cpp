#include "eval/answer_text.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/json.h"
#include "eval/calibration.h"
#include "eval/scores.h"

namespace polytask::eval {
namespace {

/// What SQuAD's evaluation script says: tests/golden/eval/make_answers.py.
Json golden() {
  std::ifstream file("tests/golden/eval/answers.json");
  return Json::parse(file);
}

task::Answers answers_of(std::vector<std::string> const& texts) {
  task::Answers answers;
  for (auto const& text : texts) answers.pieces.push_back({0, text.size(), text});
  return answers;
}

TEST(AnswersGolden, AreNormalizedAndScoredAsByTheScriptOfSquad) {
  auto const cases = golden();
  double largest = 0;
  for (auto const& one : cases["answers"]) {
    auto const gold = answers_of(one["gold"].get<std::vector<std::string>>());
    auto const said = one["said"].get<std::string>();
    SCOPED_TRACE(one.dump());
    EXPECT_EQ(normalized_answer(said), one["normalized"].get<std::string>());
    for (auto const& [metric, value] : one["expected"].items()) {
      double const difference = std::abs(answer_score(metric, gold, said) - value.get<double>());
      EXPECT_LT(difference, 1e-12) << metric;
      largest = std::max(largest, difference);
    }
  }
  EXPECT_GT(cases["answers"].size(), 150u) << "the golden file holds too few cases";
  fmt::print("{} answers, largest difference {:.1e}\n", cases["answers"].size(), largest);
}

TEST(AnswersGolden, TheThresholdKeepsTheAnswersThatTheScriptKeeps) {
  std::size_t n_all = 0;
  for (auto const cases = golden(); auto const& one : cases["thresholds"]) {
    std::vector<NullRow> rows;
    for (auto const& row : one["rows"]) rows.push_back({row[0], row[1], row[2]});
    double const threshold = best_null_threshold(rows);
    double total = 0;
    for (auto const& row : rows) {
      bool const is_kept = row.difference <= threshold;
      EXPECT_EQ(is_kept, !one["kept"].is_null() && row.difference <= one["kept"].get<double>());
      total += is_kept ? (row.has_answer ? row.score : 0) : (row.has_answer ? 0 : 1);
    }
    EXPECT_NEAR(total / static_cast<double>(rows.size()), one["best"].get<double>(), 1e-12);
    ++n_all;
  }
  EXPECT_EQ(n_all, 20u);
}

TEST(NullThreshold, LiesHalfWayBetweenWhatIsAnsweredAndWhatIsNot) {
  std::vector<NullRow> const rows{{3, 0, false}, {-2, 1, true}, {1, 0, false}, {-5, 1, true}};
  EXPECT_DOUBLE_EQ(best_null_threshold(rows), -0.5);
}

TEST(NullThreshold, TakesRowsOfOneDifferenceTogether) {
  std::vector<NullRow> const rows{{0, 1, true}, {0, 0, false}, {0, 0, false}, {2, 1, true}};
  EXPECT_LT(best_null_threshold(rows), 0) << "answering one of three alike is no choice";
}

TEST(NullThreshold, IsFittedWhereSomeQuestionsHaveAnAnswerAndSomeHaveNone) {
  task::TaskSpec const spec{.name = "q", .type = task::TaskType::Span};
  std::vector<task::Label> gold;
  std::vector<task::Prediction> predicted;
  auto const add = [&](std::vector<std::string> const& texts, std::string const& best, double difference) {
    gold.emplace_back(answers_of(texts));
    predicted.emplace_back(
        task::AnswerPrediction{.best = task::TextPiece{0, best.size(), best}, .null_difference = difference});
  };
  for (int i = 0; i < 60; ++i) add({"lamp"}, "lamp", -4);
  EXPECT_FALSE(calibrate(spec, {}, gold, predicted)) << "every question has an answer";
  for (int i = 0; i < 30; ++i) add({}, "chair", 2);
  auto const found = calibrate(spec, {}, gold, predicted);
  ASSERT_TRUE(found && found->null_threshold);
  EXPECT_DOUBLE_EQ(*found->null_threshold, -1.0);
  gold.resize(40), predicted.resize(40);
  EXPECT_FALSE(calibrate(spec, {}, gold, predicted)) << "too few rows";
}

TEST(AnswerMetrics, AreMeansOverQuestionsAndNoAnswerIsAnAnswer) {
  task::TaskSpec const spec{.name = "q", .type = task::TaskType::Span};
  auto const said = [](std::string const& text) {
    return task::Prediction(task::AnswerPrediction{.answer = task::TextPiece{0, text.size(), text}});
  };
  std::vector<task::Label> const gold{answers_of({"the red lamp"}), answers_of({}), answers_of({}), task::Label{}};
  std::vector<task::Prediction> const predicted{said("red chair"), task::AnswerPrediction{}, said("x"), said("y")};
  auto const scores = score_task(spec, {}, gold, predicted, {.n_resamples = 100});
  EXPECT_EQ(scores.n, 3u);
  EXPECT_EQ(scores.metric, "token_f1");
  EXPECT_NEAR(scores.all.at("token_f1").value, (0.5 + 1 + 0) / 3, 1e-12);
  EXPECT_NEAR(scores.all.at("exact_match").value, 1.0 / 3, 1e-12);
  EXPECT_LE(scores.primary.interval.low, scores.primary.value);
  EXPECT_GE(scores.primary.interval.high, scores.primary.value);
  EXPECT_TRUE(scores.confusion_labels.empty());
}

TEST(AnswerMetrics, RefuseAnotherName) { EXPECT_THROW((void)answer_score("accuracy", {}, ""), Error); }

}  // namespace
}  // namespace polytask::eval
