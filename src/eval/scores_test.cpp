#include "eval/scores.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "base/json.h"
#include "base/random.h"
#include "eval/metrics.h"
#include "task/bio.h"

namespace polytask::eval {
namespace {

/// Cases that scikit-learn, scipy and seqeval scored: tests/golden/eval/make_scores.py.
Json golden() {
  std::ifstream file("tests/golden/eval/scores.json");
  return Json::parse(file);
}

double expected(Json const& value) { return value.is_null() ? std::nan("") : value.get<double>(); }

/// Holds one kind of cases to 1e-9 and says how close they came.
class Comparison {
 public:
  Comparison() = default;
  Comparison(Comparison const&) = delete;
  Comparison& operator=(Comparison const&) = delete;
  ~Comparison() {
    EXPECT_GT(n_, 100u) << "the golden file holds too few numbers";
    testing::Test::RecordProperty("largest_difference", fmt::format("{}", largest_));
    fmt::print("{} numbers, largest difference {:.1e}\n", n_, largest_);
  }

  void expect(TaskScores const& scores, Json const& reference) {
    for (auto const& [name, value] : reference.items()) {
      double const found = scores.all.at(name).value;
      double const wanted = expected(value);
      ++n_;
      if (std::isnan(wanted)) {
        EXPECT_TRUE(std::isnan(found)) << name;
        continue;
      }
      largest_ = std::max(largest_, std::abs(found - wanted));
      EXPECT_NEAR(found, wanted, 1e-9) << name;
    }
  }

 private:
  std::size_t n_ = 0;
  double largest_ = 0;
};

std::string label_of(task::LabelSet const& labels, std::size_t index) {
  return index < labels.size() ? labels[index] : "a label the model does not know";
}

TEST(Scores, EqualScikitLearnForClassification) {
  Comparison comparison;
  for (auto const cases = golden(); auto const& one : cases["classification"]) {
    task::LabelSet const labels(one["labels"].get<std::vector<std::string>>());
    std::vector<task::Label> gold;
    std::vector<task::Prediction> predicted;
    for (std::size_t i = 0; i < one["gold"].size(); ++i) {
      gold.emplace_back(label_of(labels, one["gold"][i]));
      predicted.emplace_back(task::ClassPrediction{one["predicted"][i], one["scores"][i].get<std::vector<float>>()});
    }
    auto const scores = score_task({.name = "t"}, labels, gold, predicted, {.n_resamples = 0});
    comparison.expect(scores, one["expected"]);
    EXPECT_EQ(scores.confusion, one["confusion"].get<std::vector<std::vector<std::size_t>>>());
  }
}

TEST(Scores, EqualScikitLearnForMultilabel) {
  Comparison comparison;
  for (auto const cases = golden(); auto const& one : cases["multilabel"]) {
    task::LabelSet const labels(one["labels"].get<std::vector<std::string>>());
    std::vector<task::Label> gold;
    std::vector<task::Prediction> predicted;
    for (std::size_t i = 0; i < one["gold"].size(); ++i) {
      std::vector<std::string> names;
      for (std::size_t const k : one["gold"][i]) names.push_back(labels[k]);
      gold.emplace_back(names);
      predicted.emplace_back(task::MultilabelPrediction{one["predicted"][i].get<std::vector<std::size_t>>(),
                                                        one["scores"][i].get<std::vector<float>>()});
    }
    comparison.expect(
        score_task({.name = "t", .type = task::TaskType::Multilabel}, labels, gold, predicted, {.n_resamples = 0}),
        one["expected"]);
  }
}

TEST(Scores, EqualScipyForRegression) {
  Comparison comparison;
  for (auto const cases = golden(); auto const& one : cases["regression"]) {
    std::vector<task::Label> gold;
    std::vector<task::Prediction> predicted;
    for (std::size_t i = 0; i < one["gold"].size(); ++i) {
      gold.emplace_back(one["gold"][i].get<double>());
      predicted.emplace_back(task::ValuePrediction{one["predicted"][i]});
    }
    comparison.expect(
        score_task({.name = "t", .type = task::TaskType::Regression}, {}, gold, predicted, {.n_resamples = 0}),
        one["expected"]);
  }
}

std::vector<task::Span> spans_of(std::vector<std::string> const& tags) {
  std::vector<task::Span> spans;
  for (auto const& span : task::spans_of_tags(tags)) spans.push_back({span.begin, span.end, span.label});
  return spans;
}

std::vector<task::Span> given_spans(Json const& json) {
  std::vector<task::Span> spans;
  for (auto const& span : json) spans.push_back({span[0], span[1], span[2]});
  return spans;
}

TEST(Scores, EqualSeqevalForTagging) {
  Comparison comparison;
  for (auto const cases = golden(); auto const& one : cases["tagging"]) {
    task::LabelSet const labels(one["labels"].get<std::vector<std::string>>());
    std::vector<task::Label> gold;
    std::vector<task::Prediction> predicted;
    for (std::size_t i = 0; i < one["gold"].size(); ++i) {
      gold.emplace_back(spans_of(one["gold"][i]));
      EXPECT_EQ(std::get<std::vector<task::Span>>(gold.back()), given_spans(one["gold_spans"][i])) << one["gold"][i];
      task::SpanPrediction prediction;
      for (auto& span : spans_of(one["predicted"][i])) prediction.spans.push_back({std::move(span), 1.0F});
      predicted.emplace_back(std::move(prediction));
    }
    comparison.expect(
        score_task({.name = "t", .type = task::TaskType::Tagging}, labels, gold, predicted, {.n_resamples = 0}),
        one["expected"]);
  }
}

TEST(Scores, OfMultipleChoiceAreTheShareOfRightChoicesAndHowSureTheyAre) {
  task::TaskSpec const spec{.name = "pick", .type = task::TaskType::MultipleChoice};
  std::vector<task::Label> const gold{task::Choice{1}, task::Choice{0}, task::Choice{4}, task::Label{}};
  std::vector<task::Prediction> const predicted{
      task::ChoicePrediction{1, {0.1F, 0.9F}}, task::ChoicePrediction{1, {0.3F, 0.7F}},
      task::ChoicePrediction{4, {0.1F, 0.1F, 0.1F, 0.1F, 0.6F}}, task::ChoicePrediction{0, {0.5F, 0.5F}}};
  auto const scores = score_task(spec, {}, gold, predicted, {.n_resamples = 100});
  EXPECT_EQ(scores.n, 3u);
  EXPECT_EQ(scores.metric, "accuracy");
  EXPECT_NEAR(scores.primary.value, 2.0 / 3, 1e-12);
  EXPECT_NEAR(scores.all.at("ece").value, (0.1 + 0.7 + 0.4) / 3, 1e-6) << "each row in a bin of its own";
  EXPECT_LE(scores.primary.interval.low, scores.primary.value);
  EXPECT_GE(scores.primary.interval.high, scores.primary.value);
  EXPECT_TRUE(scores.confusion_labels.empty());
  EXPECT_THROW((void)make_metric("macro_f1", task::TaskType::MultipleChoice, {}, {}), Error);
}

TEST(Scores, RowsWithoutALabelDoNotCount) {
  task::LabelSet const labels({"a", "b"});
  std::vector<task::Label> const gold{std::string("a"), std::monostate{}};
  std::vector<task::Prediction> const predicted{task::ClassPrediction{0, {0.9F, 0.1F}},
                                                task::ClassPrediction{1, {0.1F, 0.9F}}};
  auto const scores = score_task({.name = "t"}, labels, gold, predicted, {});
  EXPECT_EQ(scores.n, 1u);
  EXPECT_EQ(scores.primary.value, 1.0);
}

TEST(Scores, CountEveryLabelOfAMultilabelTaskAgainstTheRest) {
  task::LabelSet const labels({"a", "b", "c"});
  using Names = std::vector<std::string>;
  std::vector<task::Label> const gold{Names{"a", "b"}, Names{}, Names{"b"}, task::Label{}, Names{"unknown"}};
  std::vector<task::Prediction> predicted;
  for (auto const& said : {std::vector<std::size_t>{0}, {0}, {1, 2}, {2}, {}})
    predicted.emplace_back(task::MultilabelPrediction{said, {0.5F, 0.5F, 0.5F}});
  auto const scores =
      score_task({.name = "t", .type = task::TaskType::Multilabel}, labels, gold, predicted, {.n_resamples = 0});
  EXPECT_TRUE(scores.confusion.empty());
  EXPECT_THAT(scores.confusion_by_label, testing::ElementsAre(testing::Pair("a", LabelCounts{1, 1, 0, 2}),
                                                              testing::Pair("b", LabelCounts{1, 0, 1, 2}),
                                                              testing::Pair("c", LabelCounts{0, 1, 0, 3})));
}

/// What a bootstrap does: a row that counts twice scores as two rows.
TEST(Metric, CountsARowAsOftenAsItIsDrawn) {
  task::LabelSet const labels({"a", "b", "c"});
  Rng rng(5);
  auto const score = [&] { return static_cast<float>(rng.below(5)) / 4; };  // few values: many ties
  std::vector<task::Label> classes, sets, values, spans;
  std::vector<task::Prediction> of_classes, of_sets, of_values, of_spans;
  for (int i = 0; i < 30; ++i) {
    classes.emplace_back(labels[rng.below(3)]);
    of_classes.emplace_back(task::ClassPrediction{rng.below(3), {score(), score(), score()}});
    sets.emplace_back(std::vector<std::string>{labels[rng.below(3)]});
    of_sets.emplace_back(task::MultilabelPrediction{{rng.below(3)}, {score(), score(), score()}});
    values.emplace_back(static_cast<double>(rng.below(5)));
    of_values.emplace_back(task::ValuePrediction{static_cast<double>(rng.below(5))});
    spans.emplace_back(std::vector<task::Span>{{0, 1 + rng.below(2), "a"}});
    of_spans.emplace_back(task::SpanPrediction{{{{0, 1 + rng.below(2), "a"}, 1.0F}}});
  }
  std::vector<std::uint32_t> counts;
  for (int i = 0; i < 30; ++i) counts.push_back(static_cast<std::uint32_t>(rng.below(4)));

  auto const check = [&](task::TaskType type, std::vector<task::Label> const& gold,
                         std::vector<task::Prediction> const& predicted) {
    GoldAndPredicted rows, drawn;
    for (std::size_t i = 0; i < gold.size(); ++i) {
      rows.gold.push_back(&gold[i]);
      rows.predicted.push_back(&predicted[i]);
      drawn.gold.insert(drawn.gold.end(), counts[i], &gold[i]);
      drawn.predicted.insert(drawn.predicted.end(), counts[i], &predicted[i]);
    }
    auto names = task::metrics_of(type);
    if (type == task::TaskType::Classification) names.emplace_back("ece");
    for (auto const& name : names) {
      std::vector<std::uint32_t> const ones(drawn.gold.size(), 1);
      EXPECT_NEAR(make_metric(name, type, labels, rows)->value(counts),
                  make_metric(name, type, labels, drawn)->value(ones), 1e-12)
          << name;
    }
  };
  check(task::TaskType::Classification, classes, of_classes);
  check(task::TaskType::Multilabel, sets, of_sets);
  check(task::TaskType::Regression, values, of_values);
  check(task::TaskType::Tagging, spans, of_spans);
}

/// `gold` against `predicted`, each row once.
double correlation(std::vector<double> const& gold, std::vector<double> const& predicted) {
  std::vector<task::Label> const labels(gold.begin(), gold.end());
  std::vector<task::Prediction> predictions;
  for (double const value : predicted) predictions.emplace_back(task::ValuePrediction{value});
  GoldAndPredicted rows;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    rows.gold.push_back(&labels[i]);
    rows.predicted.push_back(&predictions[i]);
  }
  std::vector<std::uint32_t> const ones(labels.size(), 1);
  return make_metric("pearson", task::TaskType::Regression, {}, rows)->value(ones);
}

TEST(Pearson, IsUndefinedWhereOneSideNeverChanges) {
  EXPECT_TRUE(std::isnan(correlation({1, 2, 3}, {0.1, 0.1, 0.1}))) << "three times 0.1 has a mean that is not 0.1";
  EXPECT_TRUE(std::isnan(correlation({0.7, 0.7, 0.7}, {1, 2, 3})));
}

TEST(Pearson, IsFoundForValuesWhoseSquaresHaveNoDouble) {
  EXPECT_NEAR(correlation({1e200, 2e200, 3e200}, {1, 2, 3}), 1, 1e-12);
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
