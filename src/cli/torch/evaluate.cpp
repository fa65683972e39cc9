#include <fmt/format.h>

#include <iostream>

#include "base/error.h"
#include "cli/answers.h"
#include "cli/project_file.h"
#include "cli/run_store.h"
#include "cli/torch/scoring.h"
#include "cli/torch/verbs.h"
#include "cli/verbs.h"

namespace polytask::cli {

int evaluate(CommandLine const& line) {
  auto project = read_project(line.project, line.overrides);
  auto const run = complete_run(project.folder, line.run);
  auto const predictor = train::Predictor::load(run.folder / "model", "cpu");
  std::vector<std::string> names;
  for (auto const& head : predictor.spec().heads) names.push_back(head.task.name);
  project = only_tasks(std::move(project), names);
  auto const corpus = data::load_corpus(project.datasets, project.tasks, project.seed);
  if (has_errors(corpus.problems)) {
    print_problems(std::cerr, corpus.problems);
    throw Error(ErrorCode::InvalidInput, "the data has errors; nothing was evaluated");
  }
  auto const split = *data::parse_split(line.split);
  OrderedJson json;
  json["run"] = run.id;
  json["split"] = line.split;
  json["tasks"] = OrderedJson::object();
  for (auto const& answers : answer_split(predictor, corpus, split)) {
    auto const scores = score_answers(predictor, corpus, answers);
    json["tasks"][scores.task] = scores_json(scores);
    if (line.output == Output::Json) continue;
    std::cout << fmt::format("{} ({}, {} rows of {})\n", scores.task, scores.metric, scores.n, line.split);
    for (auto const& [name, score] : scores.all) std::cout << fmt::format("  {:<18} {:.4f}   {:.4f} to {:.4f}\n", name, score.value, score.interval.low, score.interval.high);
  }
  if (json["tasks"].empty()) throw Error(ErrorCode::InvalidInput, fmt::format("the split {} has no labelled row of the run's tasks; choose another --split", quote(line.split)));
  if (line.output == Output::Json) std::cout << json.dump(1) << '\n';
  return 0;
}

}  // namespace polytask::cli
