// How sure a model should be: the temperature that divides its logits; and when it should say that there is no answer.
// Method: temperature scaling (Guo et al. 2017, arXiv:1706.04599, section 4.2): one number a task, which minimises the
// negative log-likelihood of held-out rows. Where we differ: it stays between 0.05 and 20; a multilabel task has one
// temperature for all of its labels, each a logistic of its own; few rows, or none that was answered wrongly, leave 1.
// Method: the threshold for "no answer" that scores best on held-out rows (Rajpurkar et al. 2018, arXiv:1806.03822; the
// search of their evaluation script, find_best_thresh). Where we differ: rows of one difference change sides together;
// the threshold lies half way to the next difference; where it is best never to answer it lies below all of them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "task/example.h"
#include "task/label_set.h"
#include "task/prediction.h"
#include "task/task_spec.h"

namespace polytask::eval {

constexpr double kLowestTemperature = 0.05;
constexpr double kHighestTemperature = 20.0;

/// The outputs of one row, and which is right.
struct SoftmaxRow {
  std::vector<double> logits;
  std::size_t gold = 0;
};

/// At least one row; their numbers of outputs may differ. The temperature of the softmax that makes the right ones most
/// likely.
[[nodiscard]] double softmax_temperature(std::span<SoftmaxRow const> rows);
/// The same of logistic outputs, of which each is right or not.
[[nodiscard]] double sigmoid_temperature(std::span<double const> logits, std::vector<bool> const& gold);

struct Calibration {
  double temperature = 1.0;              ///< four decimals
  std::optional<double> null_threshold;  ///< span: as model::HeadSpec has it
  std::optional<double> ece_before;      ///< classification, multiple choice: calibration error with the
                                         ///< temperature 1
};

/// One held-out question.
struct NullRow {
  double difference = 0;   ///< score of no answer less that of the best piece
  double score = 0;        ///< of the best piece, by the metric that is to be highest: 0..1
  bool has_answer = true;  ///< a question without one scores 1 where nothing is answered
};

/// The threshold with the highest mean score where all rows with a larger difference say nothing. Throws nothing; at
/// least one row.
[[nodiscard]] double best_null_threshold(std::span<NullRow const> rows);

/// Of a classification, multilabel or multiple choice task, from its answers to dev rows, which were made with the
/// temperature 1; of a span task, from answers with any threshold. Nothing for other tasks, for fewer than 50 labelled
/// rows, where every row was answered rightly, and where every question of a span task has an answer or none has.
[[nodiscard]] std::optional<Calibration> calibrate(task::TaskSpec const& spec, task::LabelSet const& labels,
                                                   std::span<task::Label const> gold,
                                                   std::span<task::Prediction const> predicted);

}  // namespace polytask::eval
