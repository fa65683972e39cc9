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
#include "cli/scored_corpus.h"
#include "cli/scoring.h"
#include "cli/verbs.h"

namespace polytask::cli {
namespace {

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

/// The engine refuses such a text without knowing where it stands.
void check_lengths(data::Corpus const& corpus, data::Split split) {
  for (auto const& stream : corpus.streams)
    for (auto const& example : stream.of(split))
      if (auto const reason = engine::why_unreadable(example, engine::LongTexts::Windows))
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: {}, or evaluate with --long-texts cut", corpus.where(example), *reason));
}

}  // namespace

int evaluate(CommandLine const& line) {
  auto const project = read_project(line.project, line.overrides);
  auto const place = model_place(line);
  auto const engine = load_engine(place.folder, line);
  auto const corpus = scored_corpus(project, engine.spec(), model_name(place));
  if (place.run) warn_of_moved_splits(*place.run, project, corpus);
  auto const split = *data::parse_split(line.split);
  OrderedJson json;
  if (place.run)
    json["run"] = place.run->id;
  else
    json["package"] = place.package_id;
  json["split"] = line.split;
  json["tasks"] = OrderedJson::object();
  if (line.long_texts == engine::LongTexts::Windows) check_lengths(corpus, split);
  std::size_t n_rows = 0, n_cut = 0;
  AnsweringModel const model{engine.spec(), [&](auto examples, auto heads) {
                               std::vector<std::vector<task::Prediction>> predictions;
                               for (auto& answer : engine.answer(examples, heads)) {
                                 ++n_rows;
                                 n_cut += answer.tokens_cut > 0;
                                 predictions.push_back(std::move(answer.predictions));
                               }
                               return predictions;
                             }};
  for (auto const& answers : answer_split(model, corpus, split)) {
    auto const scores = score_answers(model, corpus, answers);
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
    throw Error(ErrorCode::InvalidInput,
                fmt::format("the split {} has no labelled row of the model's tasks; choose another --split",
                            quote(line.split)));
  report_cut(n_cut, n_rows, line.long_texts);
  if (line.output == Output::Json) std::cout << json.dump(1) << '\n';
  return 0;
}

}  // namespace polytask::cli
