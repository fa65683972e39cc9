// The metrics themselves, over rows that may count several times: what a bootstrap needs.
// Definitions equal scikit-learn 1.9, scipy 1.17, seqeval 1.2.2 and SQuAD's evaluation script; golden tests hold them
// to that.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "task/example.h"
#include "task/label_set.h"
#include "task/prediction.h"
#include "task/task_spec.h"

namespace polytask::eval {

/// One metric on fixed rows. Built once per set of predictions; `value` is cheap enough for a thousand resamples.
class Metric {
 public:
  virtual ~Metric();
  /// Row i counts counts[i] times. NaN when the metric is not defined on these rows.
  [[nodiscard]] virtual double value(std::span<std::uint32_t const> counts) const = 0;
};

/// Labelled rows of one task. A gold label that is not in the label set gets an index of its own.
struct GoldAndPredicted {
  std::vector<task::Label const*> gold;
  std::vector<task::Prediction const*> predicted;
};

/// `name` is one of task::metrics_of(type), or "ece" for classification and multiple choice.
[[nodiscard]] std::unique_ptr<Metric const> make_metric(std::string const& name, task::TaskType type,
                                                        task::LabelSet const& labels, GoldAndPredicted const& rows);

/// Index of a gold label; labels.size() when it is not in the set.
[[nodiscard]] std::size_t gold_index(task::LabelSet const& labels, task::Label const& gold);

}  // namespace polytask::eval
