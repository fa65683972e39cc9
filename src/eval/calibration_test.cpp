#include "eval/calibration.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "base/json.h"
#include "base/random.h"
#include "eval/metrics.h"

namespace polytask::eval {
namespace {

using task::TaskType;

std::vector<double> softmax(std::vector<double> logits, double temperature) {
  double sum = 0;
  for (auto& logit : logits) sum += logit = std::exp(logit / temperature);
  for (auto& logit : logits) logit /= sum;
  return logits;
}

/// A made-up model: its logits, and labels drawn as often as the logits over the true temperature say.
struct Simulation {
  Simulation(std::size_t n_rows, std::size_t n_outputs, double temperature) {
    Rng rng(7);
    for (std::size_t row = 0; row < n_rows; ++row) {
      std::vector<double> own;
      for (std::size_t i = 0; i < n_outputs; ++i) own.push_back(2 * rng.normal());
      auto const probabilities = softmax(own, temperature);
      double left = rng.uniform();
      std::size_t label = 0;
      while (label + 1 < n_outputs && left >= probabilities[label]) left -= probabilities[label++];
      logits.insert(logits.end(), own.begin(), own.end());
      gold.push_back(label);
    }
  }
  std::vector<double> logits;
  std::vector<std::size_t> gold;
};

/// logits: [rows, n_outputs]
std::vector<SoftmaxRow> rows_of(std::vector<double> const& logits, std::size_t n_outputs,
                                std::vector<std::size_t> const& gold) {
  std::vector<SoftmaxRow> rows;
  for (std::size_t row = 0; row < gold.size(); ++row) {
    auto const own = logits.begin() + static_cast<std::ptrdiff_t>(n_outputs * row);
    rows.push_back({{own, own + static_cast<std::ptrdiff_t>(n_outputs)}, gold[row]});
  }
  return rows;
}

TEST(Calibration, FindsTheTemperatureThatWasHiddenInTheLabels) {
  for (double const temperature : {0.4, 1.0, 2.5, 6.0}) {
    Simulation const made(20'000, 4, temperature);
    EXPECT_NEAR(softmax_temperature(rows_of(made.logits, 4, made.gold)) / temperature, 1, 0.04) << temperature;
  }
  Rng rng(3);
  for (double const temperature : {0.4, 1.0, 2.5, 6.0}) {
    std::vector<double> logits;
    std::vector<bool> gold;
    for (int i = 0; i < 40'000; ++i) {
      logits.push_back(3 * rng.normal());
      gold.push_back(rng.uniform() < 1 / (1 + std::exp(-logits.back() / temperature)));
    }
    EXPECT_NEAR(sigmoid_temperature(logits, gold) / temperature, 1, 0.04) << temperature;
  }
}

TEST(Calibration, FindsWhatScipyFinds) {  // tests/golden/eval/make_calibration.py
  std::ifstream file("tests/golden/eval/calibration.json");
  auto const golden = Json::parse(file);
  double largest = 0;
  std::size_t n = 0;
  auto const compare = [&](double found, Json const& one) {
    auto const expected = one["temperature"].get<double>();
    largest = std::max(largest, std::abs(found / expected - 1));
    EXPECT_NEAR(found / expected, 1, 1e-6) << expected;
    ++n;
  };
  for (auto const& one : golden["softmax"])
    compare(softmax_temperature(rows_of(one["logits"], one["n_outputs"], one["gold"])), one);
  for (auto const& one : golden["sigmoid"]) {
    std::vector<bool> gold;
    for (auto const& right : one["gold"]) gold.push_back(right == 1);
    compare(sigmoid_temperature(one["logits"].get<std::vector<double>>(), gold), one);
  }
  EXPECT_GT(n, 10u);
  fmt::print("{} temperatures, largest relative difference {:.1e}\n", n, largest);
}

TEST(Calibration, StaysBetweenItsBounds) {
  std::vector<double> const logits{5, 0, 0, 5};
  EXPECT_EQ(softmax_temperature(rows_of(logits, 2, {0, 1})), kLowestTemperature) << "all right";
  EXPECT_EQ(softmax_temperature(rows_of(logits, 2, {1, 0})), kHighestTemperature) << "all wrong";
  EXPECT_EQ(sigmoid_temperature(std::vector<double>{0.5, -0.5}, {true, false}), kLowestTemperature);
  EXPECT_EQ(softmax_temperature(rows_of(std::vector<double>(4, 3.0), 2, {1, 0})), 1) << "nothing to be seen";
  std::vector<double> const far{1e5, 0, 0, 1e5, 1e5, 0};
  EXPECT_EQ(softmax_temperature(rows_of(far, 2, {0, 1, 1})), kHighestTemperature);
}

task::LabelSet const kLabels({"a", "b", "c"});

/// Answers to rows whose labels were drawn at `temperature`, made at 1.
struct Answers {
  explicit Answers(std::size_t n_rows, double temperature = 2) {
    Simulation const made(n_rows, 3, temperature);
    for (std::size_t row = 0; row < n_rows; ++row) {
      auto const own = made.logits.begin() + static_cast<std::ptrdiff_t>(3 * row);
      task::ClassPrediction answer;
      for (double const score : softmax({own, own + 3}, 1)) answer.scores.push_back(static_cast<float>(score));
      answer.label = static_cast<std::size_t>(std::max_element(own, own + 3) - own);
      predicted.emplace_back(answer);
      gold.emplace_back(kLabels[made.gold[row]]);
    }
  }
  std::vector<task::Label> gold;
  std::vector<task::Prediction> predicted;
};

task::TaskSpec of_type(TaskType type) { return {.name = "t", .type = type}; }

TEST(Calibration, OfAClassificationMakesTheCalibrationErrorSmaller) {
  Answers answers(4'000);
  auto const found = calibrate(of_type(TaskType::Classification), kLabels, answers.gold, answers.predicted);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->temperature, 2, 0.15);
  EXPECT_EQ(found->temperature, std::round(found->temperature * 1e4) / 1e4);
  GoldAndPredicted rows;
  for (std::size_t i = 0; i < answers.gold.size(); ++i) {
    auto& scores = std::get<task::ClassPrediction>(answers.predicted[i]).scores;
    std::vector<double> logits;
    for (auto const score : scores) logits.push_back(std::log(static_cast<double>(score)));
    auto const cooler = softmax(logits, found->temperature);
    std::transform(cooler.begin(), cooler.end(), scores.begin(), [](double p) { return static_cast<float>(p); });
    rows.gold.push_back(&answers.gold[i]);
    rows.predicted.push_back(&answers.predicted[i]);
  }
  std::vector<std::uint32_t> const once(rows.gold.size(), 1);
  auto const after = make_metric("ece", TaskType::Classification, kLabels, rows)->value(once);
  EXPECT_GT(*found->ece_before, 0.1);
  EXPECT_LT(after, 0.03);
}

TEST(Calibration, OfMultipleChoiceTakesRowsOfDifferentNumbersTogether) {
  std::vector<task::Label> gold;
  std::vector<task::Prediction> predicted;
  for (std::size_t const n_choices : {2U, 5U}) {
    Simulation const made(4'000, n_choices, 2.0);
    for (std::size_t row = 0; row < made.gold.size(); ++row) {
      auto const own = made.logits.begin() + static_cast<std::ptrdiff_t>(n_choices * row);
      auto const end = own + static_cast<std::ptrdiff_t>(n_choices);
      task::ChoicePrediction answer{.choice = static_cast<std::size_t>(std::max_element(own, end) - own), .scores = {}};
      for (double const score : softmax({own, end}, 1)) answer.scores.push_back(static_cast<float>(score));
      predicted.emplace_back(answer);
      gold.emplace_back(task::Choice{made.gold[row]});
    }
  }
  auto const found = calibrate(of_type(TaskType::MultipleChoice), {}, gold, predicted);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->temperature, 2, 0.15);
  EXPECT_GT(*found->ece_before, 0.05);
  for (auto& label : gold) label = {};
  EXPECT_FALSE(calibrate(of_type(TaskType::MultipleChoice), {}, gold, predicted)) << "no row is labelled";
}

TEST(Calibration, LeavesTasksWithFewRowsOrNoMistakeAsTheyAre) {
  auto const spec = of_type(TaskType::Classification);
  Answers few(49);
  EXPECT_FALSE(calibrate(spec, kLabels, few.gold, few.predicted));
  Answers right(100);
  for (std::size_t i = 0; i < right.gold.size(); ++i)
    right.gold[i] = kLabels[std::get<task::ClassPrediction>(right.predicted[i]).label];
  EXPECT_FALSE(calibrate(spec, kLabels, right.gold, right.predicted));
  right.gold[0] = kLabels[(std::get<task::ClassPrediction>(right.predicted[0]).label + 1) % 3];
  EXPECT_TRUE(calibrate(spec, kLabels, right.gold, right.predicted));
  std::vector<task::Label> const values(60, 1.0);
  std::vector<task::Prediction> const numbers(60, task::ValuePrediction{});
  EXPECT_FALSE(calibrate(of_type(TaskType::Regression), task::LabelSet(), values, numbers));
}

TEST(Calibration, CountsRowsWithoutALabelOrWithAnUnknownOneAsNothing) {
  Answers answers(200);
  auto const spec = of_type(TaskType::Classification);
  auto const before = calibrate(spec, kLabels, answers.gold, answers.predicted);
  Answers more(200);
  for (std::size_t i = 0; i < 40; ++i) {
    more.gold.emplace_back(i % 2 == 0 ? task::Label() : task::Label("never seen"));
    more.predicted.push_back(more.predicted[i]);
  }
  EXPECT_EQ(calibrate(spec, kLabels, more.gold, more.predicted)->temperature, before->temperature);
}

TEST(Calibration, OfAMultilabelTaskIsOneForAllItsLabels) {
  Rng rng(5);
  std::vector<task::Label> gold;
  std::vector<task::Prediction> predicted;
  for (int row = 0; row < 4'000; ++row) {
    std::vector<std::string> names;
    task::MultilabelPrediction answer;
    for (std::size_t label = 0; label < kLabels.size(); ++label) {
      double const logit = 4 * rng.normal();
      answer.scores.push_back(static_cast<float>(1 / (1 + std::exp(-logit))));
      if (logit >= 0) answer.labels.push_back(label);
      if (rng.uniform() < 1 / (1 + std::exp(-logit / 3))) names.push_back(kLabels[label]);
    }
    gold.emplace_back(names);
    predicted.emplace_back(answer);
  }
  auto const found = calibrate(of_type(TaskType::Multilabel), kLabels, gold, predicted);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->temperature, 3, 0.15);
  EXPECT_FALSE(found->ece_before);
}

TEST(Calibration, ReadsProbabilitiesThatAreZeroOrOne) {
  std::vector<task::Label> gold(60, std::string("a"));
  std::vector<task::Prediction> sure(60, task::ClassPrediction{.label = 0, .scores = {1, 0, 0}});
  gold[0] = std::string("b");
  EXPECT_TRUE(std::isfinite(calibrate(of_type(TaskType::Classification), kLabels, gold, sure)->temperature));
  std::vector<task::Label> names(60, std::vector<std::string>{"a"});
  std::vector<task::Prediction> several(60, task::MultilabelPrediction{.labels = {0}, .scores = {1, 0, 0}});
  names[0] = std::vector<std::string>{"b"};
  EXPECT_TRUE(std::isfinite(calibrate(of_type(TaskType::Multilabel), kLabels, names, several)->temperature));
}

}  // namespace
}  // namespace polytask::eval
