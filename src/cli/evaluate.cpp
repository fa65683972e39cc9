#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/answers.h"
#include "cli/load_engine.h"
#include "cli/project_file.h"
#include "cli/run_store.h"
#include "cli/scoring.h"
#include "cli/verbs.h"

namespace polytask::cli {
namespace {

/// Throws Error{Conflict} where the project describes another task than the run was trained on.
void check_same_task(task::TaskSpec const& task, model::HeadSpec const& head, std::string const& run) {
  auto const differs = [&](std::string_view what, std::string const& trained, std::string const& now) {
    if (trained != now)
      throw Error(
          ErrorCode::Conflict,
          fmt::format(
              "task {} of run {} was trained with {} {}, the project says {}; train a new run, or put the project back",
              quote(task.name), quote(run), what, quote(trained), quote(now)));
  };
  differs("type", std::string(task::to_string(head.task.type)), std::string(task::to_string(task.type)));
  differs("text", fmt::format("{}", fmt::join(head.task.text, ", ")), fmt::format("{}", fmt::join(task.text, ", ")));
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
                       std::string const& run) {
  if (std::is_permutation(trained.names().begin(), trained.names().end(), now.names().begin(), now.names().end()))
    return;
  throw Error(ErrorCode::Conflict,
              fmt::format("task {} of run {} was trained with other labels than the project has (only in the run: {}, "
                          "only in the project: {}); train a new run, or put the labels back",
                          quote(task), quote(run), labels_only_in(trained, now), labels_only_in(now, trained)));
}

/// Where a declared split is cut anew, rows that the run was trained on can be test rows now.
void warn_of_moved_splits(RunInfo const& run, Project const& project, data::Corpus const& corpus) {
  auto const path = run.folder / "config.json";
  auto const before = parse_json(read_file(path), path.string()).value();
  auto const now = Json::parse(effective_configuration(project, {}).dump());
  auto const differs = [](Json const& a, Json const& b, std::string const& key) {
    return a.is_object() && b.is_object() && a.value(key, Json()) != b.value(key, Json());
  };
  auto const of = [](Json const& json, std::string const& key) {
    return json.is_object() ? json.value(key, Json()) : Json();
  };
  for (auto const& dataset : corpus.datasets) {
    auto const declared = std::find_if(project.datasets.begin(), project.datasets.end(),
                                       [&](auto const& spec) { return spec.name == dataset.name; });
    if (declared == project.datasets.end() || !declared->split) continue;
    auto const hash = of(of(before, "data_sha256"), dataset.name);
    bool const has_moved =
        (hash.is_string() && hash != dataset.sha256) ||
        differs(of(of(before, "datasets"), dataset.name), of(of(now, "datasets"), dataset.name), "split") ||
        (declared->split->seed == 0 && differs(before, now, "seed"));
    if (has_moved)
      std::cerr << fmt::format(
          "warning: the files, the split or the seed of dataset {} have changed since the run {} was "
          "trained, and its split is cut anew: rows that were trained on may be scored now, and "
          "the scores be too good\n",
          quote(dataset.name), quote(run.id));
  }
}

}  // namespace

int evaluate(CommandLine const& line) {
  auto project = read_project(line.project, line.overrides);
  auto const run = complete_run(project.folder, line.run);
  auto const engine = load_engine(run.folder / "model", line);
  std::vector<std::string> names;
  for (auto const& head : engine.spec().heads) names.push_back(head.task.name);
  project = only_tasks(std::move(project), names);
  auto const head_of = [&](std::string const& task) -> model::HeadSpec const& {
    return engine.spec().heads[engine.spec().find(task).value()];
  };
  for (auto const& task : project.tasks) check_same_task(task, head_of(task.name), run.id);
  auto const corpus = data::load_corpus(project.datasets, project.tasks, project.seed);
  if (has_errors(corpus.problems)) {
    print_problems(std::cerr, corpus.problems);
    throw Error(ErrorCode::InvalidInput, "the data has errors; nothing was evaluated");
  }
  for (std::size_t t = 0; t < corpus.tasks.size(); ++t)
    check_same_labels(corpus.tasks[t].name, head_of(corpus.tasks[t].name).labels, corpus.label_sets[t], run.id);
  warn_of_moved_splits(run, project, corpus);
  auto const split = *data::parse_split(line.split);
  OrderedJson json;
  json["run"] = run.id;
  json["split"] = line.split;
  json["tasks"] = OrderedJson::object();
  for (auto const& answers : answer_split(answering(engine), corpus, split)) {
    auto const scores = score_answers(answering(engine), corpus, answers);
    json["tasks"][scores.task] = scores_json(scores);
    if (line.output == Output::Json) continue;
    std::cout << fmt::format("{} ({}, {} rows of {})\n", scores.task, scores.metric, scores.n, line.split);
    for (auto const& [name, score] : scores.all) {
      auto const value = std::isnan(score.value) ? std::string("undefined on these rows")
                                                 : fmt::format("{:.4f}   {:.4f} to {:.4f}", score.value,
                                                               score.interval.low, score.interval.high);
      std::cout << fmt::format("  {:<18} {}\n", name, value);
    }
  }
  for (auto const& task : corpus.tasks)
    if (!json["tasks"].empty() && !json["tasks"].contains(task.name))
      std::cerr << fmt::format("note: task {} has no labelled row in {}\n", quote(task.name), line.split);
  if (json["tasks"].empty())
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("the split {} has no labelled row of the run's tasks; choose another --split", quote(line.split)));
  if (line.output == Output::Json) std::cout << json.dump(1) << '\n';
  return 0;
}

}  // namespace polytask::cli
