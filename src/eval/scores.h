// Predictions and gold -> scores with intervals.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "stats/bootstrap.h"
#include "task/example.h"
#include "task/label_set.h"
#include "task/prediction.h"
#include "task/task_spec.h"

namespace polytask::eval {

using stats::Interval;

struct Score {
  double value = 0;
  Interval interval;  ///< percentile bootstrap over rows
};

struct BootstrapOptions {
  int n_resamples = 1000;  ///< 0 = no interval (low = high = value)
  double confidence = 0.95;
  std::uint64_t seed = 0;
};

/// One label of a multilabel task against the rest, in rows.
struct LabelCounts {
  std::size_t true_positives = 0;
  std::size_t false_positives = 0;
  std::size_t false_negatives = 0;
  std::size_t true_negatives = 0;
  friend bool operator==(LabelCounts const&, LabelCounts const&) = default;
};

/// Everything `evaluate` says about one task on one split. Scores are fractions.
struct TaskScores {
  std::string task;
  std::string metric;  ///< the primary one
  Score primary;
  std::size_t n = 0;                                ///< labelled rows
  std::map<std::string, Score> all;                 ///< every metric of the type, and "ece" for classification and
                                                    ///< multiple choice
  std::vector<std::string> confusion_labels;        ///< classification (labels), tagging (labels and "O"); else empty
  std::vector<std::vector<std::size_t>> confusion;  ///< [gold][predicted]
  std::vector<std::pair<std::string, LabelCounts>>
      confusion_by_label;  ///< multilabel, in the label set's order; else empty
};

/// `gold` and `predicted` have the same length; rows without a label are skipped. A gold label outside the label set
/// counts as wrong. An undefined score (one class, no variance, no rows) is NaN, never a silent zero, except where
/// the reference library defines it as 0 (F1 of a class never predicted and never true).
[[nodiscard]] TaskScores score_task(task::TaskSpec const& spec, task::LabelSet const& labels,
                                    std::span<task::Label const> gold, std::span<task::Prediction const> predicted,
                                    BootstrapOptions const& options);

/// The primary metric alone, without an interval: for choosing checkpoints.
[[nodiscard]] double primary_score(task::TaskSpec const& spec, task::LabelSet const& labels,
                                   std::span<task::Label const> gold, std::span<task::Prediction const> predicted);

/// Difference of the primary metric, `b` minus `a`, on the same rows, with a paired percentile bootstrap interval.
[[nodiscard]] Score score_difference(task::TaskSpec const& spec, task::LabelSet const& labels,
                                     std::span<task::Label const> gold, std::span<task::Prediction const> a,
                                     std::span<task::Prediction const> b, BootstrapOptions const& options);

}  // namespace polytask::eval
