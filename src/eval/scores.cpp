#include "eval/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "eval/metrics.h"

namespace polytask::eval {
namespace {

GoldAndPredicted labelled_rows(std::span<task::Label const> gold, std::span<task::Prediction const> predicted) {
  expects(gold.size() == predicted.size(), "every row has a prediction");
  GoldAndPredicted rows;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (!task::is_labelled(gold[i])) continue;
    rows.gold.push_back(&gold[i]);
    rows.predicted.push_back(&predicted[i]);
  }
  return rows;
}

double plain_value(Metric const& metric, std::size_t n_rows) {
  std::vector<std::uint32_t> const ones(n_rows, 1);
  return metric.value(ones);
}

Score score_of(Metric const& metric, std::size_t n_rows, BootstrapOptions const& options) {
  Rng rng(options.seed);
  Score score{.value = plain_value(metric, n_rows)};
  score.interval = stats::bootstrap_interval(n_rows, {options.n_resamples, options.confidence}, rng,
                                             [&](auto counts) { return metric.value(counts); });
  return score;
}

std::string primary_metric(task::TaskSpec const& spec) {
  return spec.metric.empty() ? task::default_metric(spec.type) : spec.metric;
}

void fill_class_confusion(TaskScores& scores, task::LabelSet const& labels, GoldAndPredicted const& rows) {
  scores.confusion_labels = labels.names();
  scores.confusion.assign(labels.size(), std::vector<std::size_t>(labels.size(), 0));
  for (std::size_t i = 0; i < rows.gold.size(); ++i) {
    auto const gold = gold_index(labels, *rows.gold[i]);
    auto const predicted = std::get<task::ClassPrediction>(*rows.predicted[i]).label;
    if (gold < labels.size()) ++scores.confusion[gold][predicted];
  }
}

/// Spans by label: a gold span against the predicted span of the same place, "O" where there is none.
void fill_span_confusion(TaskScores& scores, task::LabelSet const& labels, GoldAndPredicted const& rows) {
  scores.confusion_labels = labels.names();
  scores.confusion_labels.emplace_back("O");
  std::size_t const none = labels.size();
  scores.confusion.assign(none + 1, std::vector<std::size_t>(none + 1, 0));
  auto const index = [&](std::string const& label) {
    auto const found = labels.index_of(label);
    return found ? *found : none;
  };
  for (std::size_t i = 0; i < rows.gold.size(); ++i) {
    auto const& gold = std::get<std::vector<task::Span>>(*rows.gold[i]);
    auto const& predicted = std::get<task::SpanPrediction>(*rows.predicted[i]).spans;
    std::vector<bool> used(predicted.size(), false);
    for (auto const& span : gold) {
      std::size_t answer = none;
      for (std::size_t k = 0; k < predicted.size(); ++k)
        if (predicted[k].span.begin == span.begin && predicted[k].span.end == span.end)
          answer = index(predicted[k].span.label), used[k] = true;
      ++scores.confusion[index(span.label)][answer];
    }
    for (std::size_t k = 0; k < predicted.size(); ++k)
      if (!used[k]) ++scores.confusion[none][index(predicted[k].span.label)];
  }
}

/// As scikit-learn's multilabel_confusion_matrix.
void fill_label_confusion(TaskScores& scores, task::LabelSet const& labels, GoldAndPredicted const& rows) {
  for (auto const& name : labels.names()) scores.confusion_by_label.emplace_back(name, LabelCounts{});
  for (std::size_t i = 0; i < rows.gold.size(); ++i) {
    auto const& gold = std::get<std::vector<std::string>>(*rows.gold[i]);
    auto const& predicted = std::get<task::MultilabelPrediction>(*rows.predicted[i]).labels;
    for (std::size_t k = 0; k < labels.size(); ++k) {
      auto& counts = scores.confusion_by_label[k].second;
      bool const is_true = std::find(gold.begin(), gold.end(), labels[k]) != gold.end();
      bool const is_said = std::find(predicted.begin(), predicted.end(), k) != predicted.end();
      ++(is_true   ? is_said ? counts.true_positives : counts.false_negatives
         : is_said ? counts.false_positives
                   : counts.true_negatives);
    }
  }
}

}  // namespace

TaskScores score_task(task::TaskSpec const& spec, task::LabelSet const& labels, std::span<task::Label const> gold,
                      std::span<task::Prediction const> predicted, BootstrapOptions const& options) {
  auto const rows = labelled_rows(gold, predicted);
  TaskScores scores{.task = spec.name, .metric = primary_metric(spec), .n = rows.gold.size()};
  auto names = task::metrics_of(spec.type);
  if (spec.type == task::TaskType::Classification || task::reads_choices(spec)) names.emplace_back("ece");
  for (auto const& name : names)
    scores.all[name] = score_of(*make_metric(name, spec.type, labels, rows), scores.n, options);
  scores.primary = scores.all.at(scores.metric);
  if (spec.type == task::TaskType::Classification) fill_class_confusion(scores, labels, rows);
  if (spec.type == task::TaskType::Multilabel) fill_label_confusion(scores, labels, rows);
  if (spec.type == task::TaskType::Tagging) fill_span_confusion(scores, labels, rows);
  return scores;
}

double primary_score(task::TaskSpec const& spec, task::LabelSet const& labels, std::span<task::Label const> gold,
                     std::span<task::Prediction const> predicted) {
  auto const rows = labelled_rows(gold, predicted);
  return plain_value(*make_metric(primary_metric(spec), spec.type, labels, rows), rows.gold.size());
}

Score score_difference(task::TaskSpec const& spec, task::LabelSet const& labels, std::span<task::Label const> gold,
                       std::span<task::Prediction const> a, std::span<task::Prediction const> b,
                       BootstrapOptions const& options) {
  auto const rows_a = labelled_rows(gold, a);
  auto const rows_b = labelled_rows(gold, b);
  auto const metric_a = make_metric(primary_metric(spec), spec.type, labels, rows_a);
  auto const metric_b = make_metric(primary_metric(spec), spec.type, labels, rows_b);
  std::size_t const n = rows_a.gold.size();
  Rng rng(options.seed);
  Score score{.value = plain_value(*metric_b, n) - plain_value(*metric_a, n)};
  score.interval = stats::bootstrap_interval(n, {options.n_resamples, options.confidence}, rng, [&](auto counts) {
    return metric_b->value(counts) - metric_a->value(counts);
  });
  return score;
}

}  // namespace polytask::eval
