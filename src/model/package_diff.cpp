#include "model/package_diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/precision_plan.h"

namespace polytask::model {
namespace {

/// Names of `labels` that `others` lacks.
std::vector<std::string> without(task::LabelSet const& labels, task::LabelSet const& others) {
  std::vector<std::string> names;
  for (auto const& name : labels.names())
    if (std::find(others.names().begin(), others.names().end(), name) == others.names().end()) names.push_back(name);
  return names;
}

bool same_columns(task::TaskSpec const& a, task::TaskSpec const& b) {
  return a.text == b.text && a.choices == b.choices && a.encoding() == b.encoding() &&
         a.tokens_column == b.tokens_column;
}

/// What the layers compute in: all of them, or those that the texts of one head may go through. Two of equal values
/// compute alike.
struct Precisions {
  explicit Precisions(PrecisionPlan const& plan, HeadSpec const* only = nullptr) : precision(plan.precision) {
    for (auto const& [group, own] : plan.higher)
      if (own != precision && (only == nullptr || may_pass(*only, group))) higher.emplace(group, own);
  }
  static bool may_pass(HeadSpec const& head, std::string const& group) {
    if (group.starts_with("private/")) return group.starts_with(fmt::format("private/{}/", to_string(head.reading())));
    return !group.starts_with("tasks/") || group.starts_with(layer_group_prefix(head.task.name));
  }
  std::string precision;
  std::map<std::string, std::string> higher;
  friend bool operator==(Precisions const&, Precisions const&) = default;
};

/// A task in one of the packages.
struct TaskIn {
  HeadSpec const& head;
  PackagedTask const& packaged;
  PrecisionPlan const& plan;
};

TaskDifference compare(TaskIn const& in_first, TaskIn const& in_second, bool encoder_differs, bool reading_differs) {
  auto const& [a, first, plan_a] = in_first;
  auto const& [b, second, plan_b] = in_second;
  TaskDifference found{.task = a.task.name,
                       .labels_added = without(b.labels, a.labels),
                       .labels_removed = without(a.labels, b.labels),
                       .threshold = {a.threshold, b.threshold},
                       .temperature = {a.temperature, b.temperature},
                       .score = {first.origin.score, second.origin.score}};
  auto const note = [&](bool differs, char const* what) {
    if (differs) found.because.emplace_back(what);
  };
  note(encoder_differs, "encoder");
  note(reading_differs, "how texts are read");
  note(Precisions(plan_a, &a) != Precisions(plan_b, &b), "precision");
  note(first.private_layers != second.private_layers, "private layers");
  note(first.head != second.head, "head");
  note(a.task.type != b.task.type, "type");
  note(!same_columns(a.task, b.task), "columns");
  note(a.labels != b.labels, "labels");
  note(a.threshold != b.threshold, "threshold");
  note(a.target_offset != b.target_offset || a.target_scale != b.target_scale, "scale");
  note(a.null_threshold != b.null_threshold, "null threshold");
  note(a.task.stride != b.task.stride, "windows");
  note(a.task.longest_answer != b.task.longest_answer, "longest answer");
  note(a.temperature != b.temperature, "temperature");
  found.probabilities_alone = (a.task.type == task::TaskType::Classification || task::reads_choices(a.task)) &&
                              found.because == std::vector<std::string>{"temperature"};
  return found;
}

}  // namespace

PackageDifference difference(PackageContents const& first, PackageContents const& second) {
  PackageDifference whole{.encoder = first.manifest.encoder != second.manifest.encoder};
  auto const& a = first.spec;
  auto const& b = second.spec;
  auto const is_read_otherwise = [&](HeadSpec const& head) { return !differing_reading(a, b, head).empty(); };
  whole.reading = std::any_of(a.heads.begin(), a.heads.end(), is_read_otherwise) ||
                  std::any_of(b.heads.begin(), b.heads.end(), is_read_otherwise);
  auto const plan_a = precision_of(first).value_or(PrecisionPlan{});
  auto const plan_b = precision_of(second).value_or(PrecisionPlan{});
  whole.precision = Precisions(plan_a) != Precisions(plan_b);
  for (auto const reading : a.private_readings()) {
    auto const path = private_file("", reading).string();
    auto const other = second.manifest.files.find(path);
    if (other != second.manifest.files.end() && other->second != first.manifest.files.at(path))
      whole.private_layers.push_back(reading);
  }
  for (auto const& head : a.heads) {
    auto const index = b.find(head.task.name);
    auto const& of_first = first.manifest.tasks.at(head.task.name);
    if (index)
      whole.tasks.push_back(compare({head, of_first, plan_a},
                                    {b.heads[*index], second.manifest.tasks.at(head.task.name), plan_b}, whole.encoder,
                                    is_read_otherwise(head)));
    else
      whole.tasks.push_back({.task = head.task.name, .in = InPackages::First, .score = {of_first.origin.score, {}}});
  }
  for (auto const& head : b.heads)
    if (!a.find(head.task.name))
      whole.tasks.push_back({.task = head.task.name,
                             .in = InPackages::Second,
                             .score = {{}, second.manifest.tasks.at(head.task.name).origin.score}});
  return whole;
}

}  // namespace polytask::model
