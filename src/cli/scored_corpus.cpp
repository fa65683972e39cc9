#include "cli/scored_corpus.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "cli/verbs.h"

namespace polytask::cli {
namespace {

/// Throws Error{Conflict} where the project describes another task than the run was trained on.
void check_same_task(task::TaskSpec const& task, model::HeadSpec const& head, std::string const& model_name) {
  auto const differs = [&](std::string_view what, std::string const& trained, std::string const& now) {
    if (trained != now)
      throw Error(
          ErrorCode::Conflict,
          fmt::format(
              "task {} of {} was trained with {} {}, the project says {}; train a new run, or put the project back",
              quote(task.name), model_name, what, quote(trained), quote(now)));
  };
  differs("type", std::string(task::to_string(head.task.type)), std::string(task::to_string(task.type)));
  differs("text", fmt::format("{}", fmt::join(head.task.text, ", ")), fmt::format("{}", fmt::join(task.text, ", ")));
  differs("choices", fmt::format("{}", fmt::join(head.task.choices, ", ")),
          fmt::format("{}", fmt::join(task.choices, ", ")));
  auto const stride = [](task::TaskSpec const& spec) { return spec.stride ? std::to_string(*spec.stride) : "none"; };
  differs("stride", stride(head.task), stride(task));
  differs("pair encoding", std::string(task::to_string(head.task.encoding())),
          std::string(task::to_string(task.encoding())));
}

/// The labels of `a` that `b` lacks, in words; "none" without quotes when there is none.
std::string labels_only_in(task::LabelSet const& a, task::LabelSet const& b) {
  std::vector<std::string> names;
  for (auto const& name : a.names())
    if (!b.contains(name)) names.push_back(name);
  return names.empty() ? "none" : quote(fmt::format("{}", fmt::join(names, ", ")));
}

/// The same for the labels that the project lists, or that its training rows have now.
void check_same_labels(std::string const& task, task::LabelSet const& trained, task::LabelSet const& now,
                       std::string const& model_name) {
  if (std::is_permutation(trained.names().begin(), trained.names().end(), now.names().begin(), now.names().end()))
    return;
  throw Error(ErrorCode::Conflict,
              fmt::format("task {} of {} was trained with other labels than the project has (only in the model: {}, "
                          "only in the project: {}); train a new run, or put the labels back",
                          quote(task), model_name, labels_only_in(trained, now), labels_only_in(now, trained)));
}

}  // namespace

data::Corpus scored_corpus(Project project, model::ModelSpec const& spec, std::string const& name) {
  std::vector<std::string> names;
  for (auto const& head : spec.heads) names.push_back(head.task.name);
  for (auto const& task : project.train.hidden_words)
    if (std::find(names.begin(), names.end(), task.texts.name) != names.end())
      throw Error(
          ErrorCode::Conflict,
          fmt::format("task {} of {} answers, and in the project it has the type mlm; train a new run, or put the "
                      "type back",
                      quote(task.texts.name), name));
  project = only_tasks(std::move(project), names);
  auto const head_of = [&](std::string const& task) -> model::HeadSpec const& {
    return spec.heads[spec.find(task).value()];
  };
  for (auto const& task : project.tasks) check_same_task(task, head_of(task.name), name);
  auto corpus = data::load_corpus(project.datasets, project.tasks, project.seed);
  if (has_errors(corpus.problems)) {
    print_problems(std::cerr, corpus.problems);
    throw Error(ErrorCode::InvalidInput, "the data has errors; nothing was evaluated");
  }
  for (std::size_t t = 0; t < corpus.tasks.size(); ++t)
    check_same_labels(corpus.tasks[t].name, head_of(corpus.tasks[t].name).labels, corpus.label_sets[t], name);
  return corpus;
}

}  // namespace polytask::cli
