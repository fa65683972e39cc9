#include "eval/scores.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "base/json.h"
#include "task/bio.h"

namespace polytask::eval {
namespace {

/// Cases that scikit-learn, scipy and seqeval scored: tests/golden/eval/make_scores.py.
Json golden() {
  std::ifstream file("tests/golden/eval/scores.json");
  return Json::parse(file);
}

double expected(Json const& value) { return value.is_null() ? std::nan("") : value.get<double>(); }

void expect_scores(TaskScores const& scores, Json const& reference, double& largest) {
  for (auto const& [name, value] : reference.items()) {
    double const found = scores.all.at(name).value;
    double const wanted = expected(value);
    if (std::isnan(wanted)) {
      EXPECT_TRUE(std::isnan(found)) << name;
      continue;
    }
    largest = std::max(largest, std::abs(found - wanted));
    EXPECT_NEAR(found, wanted, 1e-9) << name;
  }
}

TEST(Scores, EqualScikitLearnForClassification) {
  double largest = 0;
  for (auto const& one : golden()["classification"]) {
    task::LabelSet const labels(one["labels"].get<std::vector<std::string>>());
    std::vector<task::Label> gold;
    std::vector<task::Prediction> predicted;
    for (std::size_t i = 0; i < one["gold"].size(); ++i) {
      gold.emplace_back(labels[one["gold"][i]]);
      predicted.emplace_back(task::ClassPrediction{one["predicted"][i], one["scores"][i].get<std::vector<float>>()});
    }
    expect_scores(score_task({.name = "t"}, labels, gold, predicted, {.n_resamples = 0}), one["expected"], largest);
  }
  RecordProperty("largest_difference", std::to_string(largest));
}

TEST(Scores, EqualScikitLearnForMultilabel) {
  double largest = 0;
  for (auto const& one : golden()["multilabel"]) {
    task::LabelSet const labels(one["labels"].get<std::vector<std::string>>());
    std::vector<task::Label> gold;
    std::vector<task::Prediction> predicted;
    for (std::size_t i = 0; i < one["gold"].size(); ++i) {
      std::vector<std::string> names;
      for (std::size_t const k : one["gold"][i]) names.push_back(labels[k]);
      gold.emplace_back(names);
      predicted.emplace_back(task::MultilabelPrediction{one["predicted"][i].get<std::vector<std::size_t>>(), one["scores"][i].get<std::vector<float>>()});
    }
    expect_scores(score_task({.name = "t", .type = task::TaskType::Multilabel}, labels, gold, predicted, {.n_resamples = 0}), one["expected"], largest);
  }
}

TEST(Scores, EqualScipyForRegression) {
  double largest = 0;
  for (auto const& one : golden()["regression"]) {
    std::vector<task::Label> gold;
    std::vector<task::Prediction> predicted;
    for (std::size_t i = 0; i < one["gold"].size(); ++i) {
      gold.emplace_back(one["gold"][i].get<double>());
      predicted.emplace_back(task::ValuePrediction{one["predicted"][i]});
    }
    expect_scores(score_task({.name = "t", .type = task::TaskType::Regression}, {}, gold, predicted, {.n_resamples = 0}), one["expected"], largest);
  }
}

std::vector<task::Span> spans_of(std::vector<std::string> const& tags) {
  std::vector<task::Span> spans;
  for (auto const& span : task::spans_of_tags(tags)) spans.push_back({span.begin, span.end, span.label});
  return spans;
}

TEST(Scores, EqualSeqevalForTagging) {
  double largest = 0;
  for (auto const& one : golden()["tagging"]) {
    task::LabelSet const labels(one["labels"].get<std::vector<std::string>>());
    std::vector<task::Label> gold;
    std::vector<task::Prediction> predicted;
    for (std::size_t i = 0; i < one["gold"].size(); ++i) {
      gold.emplace_back(spans_of(one["gold"][i]));
      task::SpanPrediction prediction;
      for (auto& span : spans_of(one["predicted"][i])) prediction.spans.push_back({std::move(span), 1.0F});
      predicted.emplace_back(std::move(prediction));
    }
    expect_scores(score_task({.name = "t", .type = task::TaskType::Tagging}, labels, gold, predicted, {.n_resamples = 0}), one["expected"], largest);
  }
}

TEST(Scores, RowsWithoutALabelDoNotCount) {
  task::LabelSet const labels({"a", "b"});
  std::vector<task::Label> const gold{std::string("a"), std::monostate{}};
  std::vector<task::Prediction> const predicted{task::ClassPrediction{0, {0.9F, 0.1F}}, task::ClassPrediction{1, {0.1F, 0.9F}}};
  auto const scores = score_task({.name = "t"}, labels, gold, predicted, {});
  EXPECT_EQ(scores.n, 1u);
  EXPECT_EQ(scores.primary.value, 1.0);
}

TEST(ScoreDifference, OfASystemWithItselfIsZeroWithAnIntervalOfZero) {
  task::LabelSet const labels({"a", "b"});
  std::vector<task::Label> gold;
  std::vector<task::Prediction> one, other;
  for (int i = 0; i < 60; ++i) {
    gold.emplace_back(std::string(i % 2 == 0 ? "a" : "b"));
    one.emplace_back(task::ClassPrediction{static_cast<std::size_t>(i % 3 == 0), {0.5F, 0.5F}});
    other.emplace_back(task::ClassPrediction{static_cast<std::size_t>(i % 2), {0.5F, 0.5F}});
  }
  auto const same = score_difference({.name = "t"}, labels, gold, one, one, {});
  EXPECT_EQ(same.value, 0);
  EXPECT_EQ(same.interval.high, 0);
  auto const better = score_difference({.name = "t"}, labels, gold, one, other, {});
  EXPECT_GT(better.interval.low, 0);
}

}  // namespace
}  // namespace polytask::eval
