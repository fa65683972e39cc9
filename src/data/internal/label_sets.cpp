#include "data/internal/label_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/nearest.h"

namespace polytask::data {
namespace {

bool is_whole_number(std::string const& text) {
  std::size_t const first = text.starts_with('-') ? 1 : 0;
  return text.size() > first && text.size() < 18 &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(first), text.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

/// Label sets from the training rows, or as declared, and every label that is not in them.
class LabelChecker {
 public:
  explicit LabelChecker(Corpus& corpus) : corpus_(corpus) {}

  void run() {
    for (std::size_t t = 0; t < corpus_.tasks.size(); ++t) {
      auto const& task = corpus_.tasks[t];
      if (!task::has_labels(task.type)) {
        corpus_.label_sets.emplace_back();
      } else {
        corpus_.label_sets.emplace_back(task.labels.empty() ? labels_in_training(t) : task.labels);
        check(t);
      }
      if (corpus_.n_labelled(t, Split::Train) == 0)
        corpus_.problems.push_back({Severity::Error, "no-training-rows", fmt::format("task {}", quote(task.name)),
                                    "no training row carries a label of it; check its columns and files"});
      else if (task.type == task::TaskType::Classification && corpus_.label_sets[t].size() < 2)
        corpus_.problems.push_back({Severity::Warning, "single-label", fmt::format("task {}", quote(task.name)),
                                    "all training rows carry the same label; there is nothing to learn"});
      else if (task::has_labels(task.type) && corpus_.label_sets[t].empty())
        corpus_.problems.push_back({Severity::Error, "no-labels", fmt::format("task {}", quote(task.name)),
                                    "the training rows name no label at all; there is nothing to learn"});
    }
  }

 private:
  template <typename Visit>
  void for_each_label(std::size_t task_index, Split split, Visit const& visit) const {
    for (auto const& stream : corpus_.streams)
      for (std::size_t position = 0; position < stream.tasks.size(); ++position)
        if (stream.tasks[position] == task_index)
          stream.for_each_labels(split, [&](task::Example const& example) {
            for (auto const& name : names_in(example.labels[position])) visit(name, example);
          });
  }

  std::vector<std::string> labels_in_training(std::size_t task_index) const {
    std::set<std::string> names;
    for_each_label(task_index, Split::Train, [&](std::string const& name, auto const&) { names.insert(name); });
    std::vector<std::string> sorted(names.begin(), names.end());
    if (std::all_of(sorted.begin(), sorted.end(), is_whole_number))
      std::sort(sorted.begin(), sorted.end(),
                [](auto const& a, auto const& b) { return std::stoll(a) < std::stoll(b); });
    return sorted;
  }

  void check(std::size_t task_index) {
    auto const& task = corpus_.tasks[task_index];
    auto const& labels = corpus_.label_sets[task_index];
    for (auto const split : kSplits)
      for_each_label(task_index, split, [&](std::string const& name, task::Example const& example) {
        if (labels.contains(name)) return;
        corpus_.problems.push_back(
            {Severity::Error, "unknown-label", corpus_.where(example),
             task.labels.empty() ? fmt::format("label {} of task {} is in {} but in no training row{}", quote(name),
                                               quote(task.name), to_string(split), did_you_mean(name, labels.names()))
                                 : fmt::format("task {}: {}; add it to \"labels\" or correct the row", quote(task.name),
                                               labels.index_of(name).error().what())});
      });
  }

  Corpus& corpus_;
};

}  // namespace

std::vector<std::string> names_in(task::Label const& label) {
  if (auto const* one = std::get_if<std::string>(&label)) return {*one};
  if (auto const* several = std::get_if<std::vector<std::string>>(&label)) return *several;
  std::vector<std::string> names;
  if (auto const* spans = std::get_if<std::vector<task::Span>>(&label))
    for (auto const& span : *spans) names.push_back(span.label);
  return names;
}

void find_label_sets(Corpus& corpus) { LabelChecker(corpus).run(); }

}  // namespace polytask::data
