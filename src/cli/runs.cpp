#include <fmt/format.h>

#include <iostream>

#include "base/json.h"
#include "cli/project_file.h"
#include "cli/run_comparison.h"
#include "cli/run_store.h"
#include "cli/verbs.h"

namespace polytask::cli {
namespace {

std::string short_scores(Json const& state) {
  std::string text;
  if (state.contains("scores") && state["scores"].is_object())
    for (auto const& [task, score] : state["scores"].items())
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", task,
                          score.is_number() ? fmt::format("{:.3f}", score.get<double>()) : "-");
  return text;
}

int list(CommandLine const& line, Project const& project) {
  auto const all = list_runs(project.folder);
  if (line.output == Output::Json) {
    OrderedJson json = OrderedJson::array();
    for (auto const& run : all)
      json.push_back({{"run", run.id}, {"status", to_string(run.status)}, {"state", run.state}});
    std::cout << json.dump(1) << '\n';
    return 0;
  }
  if (all.empty()) std::cout << "no runs yet; `polytask train` makes one\n";
  for (auto const& run : all)
    std::cout << fmt::format(
        "{:<28} {:<12} {:<24} {:>7} s  {}\n", run.id, to_string(run.status), run.state.value("started", ""),
        run.state.contains("seconds") ? fmt::format("{:.0f}", run.state["seconds"].get<double>()) : "-",
        short_scores(run.state));
  return 0;
}

}  // namespace

int runs(CommandLine const& line) {
  auto const project = read_project(line.project, line.overrides);
  return line.compared.empty() ? list(line, project) : compare_runs(line, project);
}

}  // namespace polytask::cli
