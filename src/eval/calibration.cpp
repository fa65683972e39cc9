#include "eval/calibration.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "eval/answer_text.h"
#include "eval/metrics.h"

namespace polytask::eval {
namespace {

constexpr std::size_t kFewestRows = 50;

/// First and second derivative of a function at one place.
struct Slopes {
  double first = 0;
  double second = 0;
};

/// The likelihood is convex in 1 / T: the logits are linear in it. Newton's steps, halving the interval where a step
/// would leave it.
double best_temperature(std::function<Slopes(double inverse)> const& slopes) {
  constexpr int kMostSteps = 100;
  constexpr double kPrecision = 1e-10;
  double low = 1 / kHighestTemperature;
  double high = 1 / kLowestTemperature;
  if (slopes(low).first > 0) return kHighestTemperature;
  if (slopes(high).first < 0) return kLowestTemperature;
  double inverse = 1;
  for (int step = 0; step < kMostSteps && high - low > kPrecision * inverse; ++step) {
    auto const [first, second] = slopes(inverse);
    if (first == 0) break;
    (first > 0 ? high : low) = inverse;
    double next = inverse - first / second;
    if (!(next > low && next < high)) next = (low + high) / 2;
    bool const settled = std::abs(next - inverse) <= kPrecision * inverse;
    inverse = next;
    if (settled) break;
  }
  return 1 / inverse;
}

double rounded(double temperature) { return std::round(temperature * 1e4) / 1e4; }

/// Logarithms of probabilities are logits that softmax gives the same probabilities. A probability that float32 cannot
/// hold is taken for the smallest that it can.
double log_of(float probability) {
  return std::log(static_cast<double>(std::max(probability, std::numeric_limits<float>::denorm_min())));
}

/// The logit of a logistic output; near 1 float32 ends before the logistic does.
double logit_of(float probability) {
  constexpr double kFarthest = 17;
  auto const p = static_cast<double>(probability);
  return std::clamp(std::log(p) - std::log1p(-p), -kFarthest, kFarthest);
}

struct Rows {
  std::vector<double> logits;
  std::size_t n = 0;
  bool all_right = true;
};

/// Rows whose probabilities sum to 1.
class SoftmaxRows {
 public:
  void add(task::Label const& gold, task::Prediction const& predicted) {
    all_.gold.push_back(&gold);
    all_.predicted.push_back(&predicted);
  }
  /// Of the row that was added last, where a model can give the right answer at all.
  void learn_from(std::vector<float> const& scores, std::size_t gold) {
    SoftmaxRow row{.gold = gold};
    for (auto const score : scores) row.logits.push_back(log_of(score));
    rows_.push_back(std::move(row));
  }
  void see(bool is_right) { all_right_ = all_right_ && is_right; }

  [[nodiscard]] std::optional<Calibration> calibration(task::TaskType type, task::LabelSet const& labels) const {
    // Where every row is right, the likelihood grows without end as the temperature goes to 0.
    if (rows_.size() < kFewestRows || all_right_) return std::nullopt;
    std::vector<std::uint32_t> const once(all_.gold.size(), 1);
    return Calibration{.temperature = rounded(softmax_temperature(rows_)),
                       .ece_before = make_metric("ece", type, labels, all_)->value(once)};
  }

 private:
  std::vector<SoftmaxRow> rows_;
  GoldAndPredicted all_;
  bool all_right_ = true;
};

std::optional<Calibration> of_classification(task::LabelSet const& labels, std::span<task::Label const> gold,
                                             std::span<task::Prediction const> predicted) {
  SoftmaxRows rows;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (!task::is_labelled(gold[i])) continue;
    rows.add(gold[i], predicted[i]);
    auto const index = gold_index(labels, gold[i]);
    auto const& answer = std::get<task::ClassPrediction>(predicted[i]);
    rows.see(index == answer.label);
    // No temperature gives a label that the model does not know.
    if (index < labels.size()) rows.learn_from(answer.scores, index);
  }
  return rows.calibration(task::TaskType::Classification, labels);
}

std::optional<Calibration> of_choices(std::span<task::Label const> gold, std::span<task::Prediction const> predicted) {
  SoftmaxRows rows;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (!task::is_labelled(gold[i])) continue;
    rows.add(gold[i], predicted[i]);
    auto const right = std::get<task::Choice>(gold[i]).index;
    auto const& answer = std::get<task::ChoicePrediction>(predicted[i]);
    rows.see(right == answer.choice);
    rows.learn_from(answer.scores, right);
  }
  return rows.calibration(task::TaskType::MultipleChoice, {});
}

std::optional<Calibration> of_multilabel(task::LabelSet const& labels, std::span<task::Label const> gold,
                                         std::span<task::Prediction const> predicted) {
  Rows rows;
  std::vector<bool> right;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (!task::is_labelled(gold[i])) continue;
    ++rows.n;
    auto const& wanted = std::get<std::vector<std::string>>(gold[i]);
    auto const& answer = std::get<task::MultilabelPrediction>(predicted[i]);
    for (std::size_t label = 0; label < labels.size(); ++label) {
      bool const is_gold = std::find(wanted.begin(), wanted.end(), labels[label]) != wanted.end();
      bool const is_answer = std::find(answer.labels.begin(), answer.labels.end(), label) != answer.labels.end();
      if (is_gold != is_answer) rows.all_right = false;
      rows.logits.push_back(logit_of(answer.scores[label]));
      right.push_back(is_gold);
    }
  }
  if (rows.n < kFewestRows || rows.all_right) return std::nullopt;  // as for classification
  return Calibration{.temperature = rounded(sigmoid_temperature(rows.logits, right))};
}

std::optional<Calibration> of_span(task::TaskSpec const& spec, std::span<task::Label const> gold,
                                   std::span<task::Prediction const> predicted) {
  auto const metric = spec.metric.empty() ? task::default_metric(spec.type) : spec.metric;
  std::vector<NullRow> rows;
  std::size_t n_answered = 0;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (!task::is_labelled(gold[i])) continue;
    auto const& wanted = std::get<task::Answers>(gold[i]);
    auto const& answer = std::get<task::AnswerPrediction>(predicted[i]);
    NullRow row{.difference = answer.null_difference, .has_answer = has_answer(wanted)};
    if (row.has_answer && answer.best) row.score = answer_score(metric, wanted, answer.best->text);
    n_answered += row.has_answer;
    if (answer.best) rows.push_back(row);  // an empty context has no answer, whatever the threshold
  }
  if (rows.size() < kFewestRows || n_answered == 0 || n_answered == rows.size()) return std::nullopt;
  return Calibration{.null_threshold = best_null_threshold(rows)};
}

}  // namespace

double best_null_threshold(std::span<NullRow const> rows) {
  expects(!rows.empty(), "a threshold is fitted to something");
  std::vector<NullRow> sorted(rows.begin(), rows.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](NullRow const& a, NullRow const& b) { return a.difference < b.difference; });
  double total = 0;  // where nobody answers
  for (auto const& row : sorted) total += row.has_answer ? 0 : 1;
  double best = total, threshold = sorted.front().difference - 1;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    total += sorted[i].has_answer ? sorted[i].score : -1;
    bool const is_last = i + 1 == sorted.size();
    if (!is_last && sorted[i + 1].difference == sorted[i].difference) continue;
    if (total <= best) continue;
    best = total;
    threshold = is_last ? sorted[i].difference + 1 : (sorted[i].difference + sorted[i + 1].difference) / 2;
  }
  return threshold;
}

double softmax_temperature(std::span<SoftmaxRow const> rows) {
  expects(!rows.empty(), "a temperature is fitted to something");
  return best_temperature([&](double inverse) {
    Slopes total;
    for (auto const& [logits, gold] : rows) {
      double const largest = *std::max_element(logits.begin(), logits.end());
      double sum = 0, mean = 0, square = 0;  // of the logits under the softmax, counted from the largest
      for (double const logit : logits) {
        double const weight = std::exp(inverse * (logit - largest));
        sum += weight;
        mean += weight * (logit - largest);
        square += weight * (logit - largest) * (logit - largest);
      }
      mean /= sum;
      total.first += mean - (logits[gold] - largest);
      total.second += square / sum - mean * mean;
    }
    return total;
  });
}

double sigmoid_temperature(std::span<double const> logits, std::vector<bool> const& gold) {
  expects(logits.size() == gold.size() && !gold.empty(), "every output is right or not");
  return best_temperature([&](double inverse) {
    Slopes total;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      double const probability = 1 / (1 + std::exp(-inverse * logits[i]));
      total.first += logits[i] * (probability - (gold[i] ? 1.0 : 0.0));
      total.second += logits[i] * logits[i] * probability * (1 - probability);
    }
    return total;
  });
}

std::optional<Calibration> calibrate(task::TaskSpec const& spec, task::LabelSet const& labels,
                                     std::span<task::Label const> gold, std::span<task::Prediction const> predicted) {
  expects(gold.size() == predicted.size(), "every row was answered");
  switch (spec.type) {
    case task::TaskType::Classification: return of_classification(labels, gold, predicted);
    case task::TaskType::Multilabel: return of_multilabel(labels, gold, predicted);
    case task::TaskType::Span: return of_span(spec, gold, predicted);
    case task::TaskType::MultipleChoice: return of_choices(gold, predicted);
    case task::TaskType::Regression:
    case task::TaskType::Tagging: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace polytask::eval
