// How sure a model should be: the temperature that divides its logits.
// Method: temperature scaling (Guo et al. 2017, arXiv:1706.04599, section 4.2): one number a task, which minimises the
// negative log-likelihood of held-out rows. Where we differ: it stays between 0.05 and 20; a multilabel task has one
// temperature for all of its labels, each a logistic of its own; few rows, or none that was answered wrongly, leave 1.
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

/// logits: [rows, n_outputs]; gold: index of the right output of each row. The temperature of the softmax that makes
/// the right ones most likely.
[[nodiscard]] double softmax_temperature(std::span<double const> logits, std::size_t n_outputs,
                                         std::span<std::size_t const> gold);
/// The same of logistic outputs, of which each is right or not.
[[nodiscard]] double sigmoid_temperature(std::span<double const> logits, std::vector<bool> const& gold);

struct Calibration {
  double temperature = 1.0;          ///< four decimals
  std::optional<double> ece_before;  ///< classification: calibration error with the temperature 1
};

/// Of a classification or multilabel task, from its answers to dev rows, which were made with the temperature 1.
/// Nothing for other tasks, for fewer than 50 labelled rows, and where every row was answered rightly.
[[nodiscard]] std::optional<Calibration> calibrate(task::TaskSpec const& spec, task::LabelSet const& labels,
                                                   std::span<task::Label const> gold,
                                                   std::span<task::Prediction const> predicted);

}  // namespace polytask::eval
