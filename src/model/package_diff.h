// What differs between two packages, and whose answers that can change.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/package_contents.h"

namespace polytask::model {

enum class InPackages { Both, First, Second };

struct TaskDifference {
  std::string task;
  InPackages in = InPackages::Both;
  /// Why the task's answers can differ: "encoder", "how texts are read", "precision", "private layers", "head", "type",
  /// "columns", "labels", "threshold", "temperature", "scale", "null threshold", "windows", "longest answer". Empty
  /// when no answer can.
  std::vector<std::string> because;
  std::vector<std::string> labels_added;    ///< the second has them, the first has not
  std::vector<std::string> labels_removed;  ///< the other way round
  std::pair<double, double> threshold{0.5, 0.5};
  std::pair<double, double> temperature{1.0, 1.0};
  std::pair<std::optional<TaskScore>, std::optional<TaskScore>> score;

  [[nodiscard]] bool answers_can_change() const { return !because.empty(); }
  /// A temperature alone makes a classification more or less sure of the same label, or choice.
  bool probabilities_alone = false;
};

struct PackageDifference {
  bool encoder = false;    ///< any file of it, the tokenizer's too
  bool reading = false;    ///< pooling, longest text, which layers are private
  bool precision = false;  ///< what is computed in (model/precision_plan.h); what was measured is no difference
  std::vector<Reading> private_layers;  ///< readings whose own layers both have, and not the same
  std::vector<TaskDifference> tasks;    ///< in the order of the first, then what the second has more
};

[[nodiscard]] PackageDifference difference(PackageContents const& first, PackageContents const& second);

}  // namespace polytask::model
