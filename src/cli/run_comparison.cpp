#include "cli/run_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "cli/baseline_scores.h"
#include "cli/run_store.h"
#include "cli/stored_answers.h"
#include "cli/verbs.h"
#include "eval/scores.h"
#include "model/encoder_files.h"
#include "model/model_folder.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct ComparedRun {
  RunInfo info;
  model::ModelSpec spec;
  double seconds = 0;
  std::uintmax_t model_bytes = 0;
  std::int64_t n_layers = 1;  ///< of the encoder; 1 stands for any number where nobody has some of its own
};

ComparedRun open_run(Project const& project, std::string const& id) {
  ComparedRun run{.info = complete_run(project.folder, id)};
  run.spec = model::read_model_spec(run.info.folder / "model");
  run.seconds = run.info.state.value("seconds", 0.0);
  auto const branches = run.spec.branches();
  if (std::any_of(branches.begin(), branches.end(), [](auto const& branch) { return branch.n_own_layers > 0; }))
    run.n_layers = model::read_encoder_config(run.info.folder / "model" / "encoder").num_hidden_layers;
  for (auto const& entry : fs::recursive_directory_iterator(run.info.folder / "model"))
    if (entry.path().extension() == ".safetensors") run.model_bytes += entry.file_size();
  return run;
}

/// Passes through an encoder that one text of each kind needs for all answers: `predict` answers the tasks that read
/// the same columns in one, in which the layers of the encoder are passed as far up as a branch of them does, and each
/// branch's own once.
double n_passes(ComparedRun const& run) {
  auto const branches = run.spec.branches();
  std::vector<std::pair<task::TaskSpec, std::set<std::size_t>>> branches_of_texts;  // of tasks that read alike
  for (std::size_t head = 0; head < run.spec.heads.size(); ++head) {
    auto const& task = run.spec.heads[head].task;
    auto const branch =
        std::find_if(branches.begin(), branches.end(), [&](model::Branch const& one) { return one.has(head); });
    auto same = std::find_if(branches_of_texts.begin(), branches_of_texts.end(),
                             [&](auto const& group) { return task::read_alike(group.first, task); });
    if (same == branches_of_texts.end()) same = branches_of_texts.insert(same, {task, {}});
    same->second.insert(static_cast<std::size_t>(branch - branches.begin()));
  }
  std::int64_t n_layers = 0;
  for (auto const& [task, of_text] : branches_of_texts) {
    std::int64_t n_shared = 0;
    for (auto const branch : of_text) {
      n_shared = std::max(n_shared, run.n_layers - branches[branch].n_own_layers);
      n_layers += branches[branch].n_own_layers;
    }
    n_layers += n_shared;
  }
  return static_cast<double>(n_layers) / static_cast<double>(run.n_layers);
}

/// One line of the table.
struct Comparison {
  std::string task;
  std::string metric;
  data::Split split = data::Split::Test;
  BaselineScores baselines{kUnknown, kUnknown};
  ComparedRun const* alone_run = nullptr;
  double alone = kUnknown;
  double together = kUnknown;
  eval::Score difference{kUnknown, {kUnknown, kUnknown}};
};

Comparison compare(ComparedRun const& together, std::vector<ComparedRun> const& others, model::HeadSpec const& head,
                   data::Corpus const* corpus, std::uint64_t seed) {
  Comparison row{.task = head.task.name, .metric = head.task.metric};
  auto const file = [&](ComparedRun const& run) {
    return run.info.folder / "predictions" /
           fmt::format("{}.{}.jsonl", data::to_string(row.split), model::head_file_name(head.task.name));
  };
  if (!fs::exists(file(together))) row.split = data::Split::Dev;
  auto const a = read_answers(file(together), head.task.type, head.labels);
  row.together = eval::primary_score(head.task, head.labels, a.gold, a.predicted);
  if (corpus != nullptr) {
    auto const task = std::find_if(corpus->tasks.begin(), corpus->tasks.end(),
                                   [&](auto const& spec) { return spec.name == head.task.name; });
    if (task == corpus->tasks.end())
      throw Error(ErrorCode::Conflict, fmt::format("the project has no task {} any more; compare without --baselines",
                                                   quote(head.task.name)));
    row.baselines =
        baseline_scores(*corpus, static_cast<std::size_t>(task - corpus->tasks.begin()), row.split, a.rows, seed);
  }
  auto const other = std::find_if(others.begin(), others.end(),
                                  [&](auto const& run) { return run.spec.find(head.task.name).has_value(); });
  if (other == others.end()) return row;
  auto const conflict = [&](std::string_view what, std::string_view advice) {
    return Error(ErrorCode::Conflict, fmt::format("the runs {} and {} {} task {}; {}", quote(together.info.id),
                                                  quote(other->info.id), what, quote(head.task.name), advice));
  };
  if (!(other->spec.heads[*other->spec.find(head.task.name)].labels == head.labels))
    throw conflict("were trained on other labels of", "their scores cannot be compared");
  auto const b = read_answers(file(*other), head.task.type, head.labels);
  auto const same_place = [](std::string const& x, std::string const& y) { return place_of(x) == place_of(y); };
  if (!std::equal(a.rows.begin(), a.rows.end(), b.rows.begin(), b.rows.end(), same_place) || a.gold != b.gold)
    throw conflict("were scored on other rows of",
                   "train them on the same data; a declared split follows the project's seed unless it has its own "
                   "(split.seed)");
  row.alone_run = &*other;
  row.alone = eval::primary_score(head.task, head.labels, b.gold, b.predicted);
  row.difference = eval::score_difference(head.task, head.labels, a.gold, b.predicted, a.predicted, {});
  return row;
}

struct Totals {
  double seconds = 0;
  std::uintmax_t model_bytes = 0;
  double passes = 0;
};

/// Of the runs that a task is compared with, each once.
Totals totals_of(std::vector<Comparison> const& rows) {
  std::set<ComparedRun const*> runs;
  for (auto const& row : rows)
    if (row.alone_run != nullptr) runs.insert(row.alone_run);
  Totals totals;
  for (auto const* run : runs)
    totals.seconds += run->seconds, totals.model_bytes += run->model_bytes, totals.passes += n_passes(*run);
  return totals;
}

/// A run whose tasks are all compared with earlier ones is not looked at.
void say_what_is_unused(std::vector<ComparedRun> const& others, std::vector<Comparison> const& rows) {
  for (auto const& run : others)
    if (std::none_of(rows.begin(), rows.end(), [&](auto const& row) { return row.alone_run == &run; }))
      std::cerr << fmt::format(
          "note: the run {} is not used: its tasks are compared with other runs, or are not in the first one\n",
          quote(run.info.id));
}

OrderedJson number(double value) { return std::isnan(value) ? OrderedJson() : OrderedJson(value); }

void print_json(ComparedRun const& together, std::vector<Comparison> const& rows, Totals const& alone) {
  OrderedJson json;
  json["together"] = together.info.id;
  json["tasks"] = OrderedJson::object();
  for (auto const& row : rows)
    json["tasks"][row.task] = {
        {"metric", row.metric},
        {"split", data::to_string(row.split)},
        {"majority", number(row.baselines.majority)},
        {"bag_of_words", number(row.baselines.bag_of_words)},
        {"alone_run", row.alone_run == nullptr ? OrderedJson() : OrderedJson(row.alone_run->info.id)},
        {"alone", number(row.alone)},
        {"together", number(row.together)},
        {"difference", number(row.difference.value)},
        {"interval", OrderedJson::array({number(row.difference.interval.low), number(row.difference.interval.high)})}};
  json["seconds"] = {{"alone", alone.seconds}, {"together", together.seconds}};
  json["model_bytes"] = {{"alone", alone.model_bytes}, {"together", together.model_bytes}};
  json["encoder_passes"] = {{"alone", alone.passes}, {"together", n_passes(together)}};
  std::cout << json.dump(1) << '\n';
}

std::string shown(double value) { return std::isnan(value) ? "-" : fmt::format("{:.3f}", value); }

std::string shown_difference(eval::Score const& score) {
  return std::isnan(score.value)
             ? "-"
             : fmt::format("{:+.3f} ({:+.3f} to {:+.3f})", score.value, score.interval.low, score.interval.high);
}

std::string cost(double seconds, std::uintmax_t bytes, double passes) {
  return fmt::format("{:>6.0f} s {:>6.1f} MB {:>7.3g}", seconds, static_cast<double>(bytes) / 1e6, passes);
}

std::string plural(std::size_t n, std::string_view word) { return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s"); }

void print_table(ComparedRun const& together, std::vector<Comparison> const& rows, Totals const& alone,
                 bool baselines) {
  auto const line = [&](std::string_view task, std::string_view metric, std::string_view majority,
                        std::string_view words, std::string_view apart, std::string_view joint,
                        std::string_view difference, std::string_view costs) {
    auto const base = baselines ? fmt::format(" {:>9} {:>12}", majority, words) : "";
    std::cout << fmt::format("{:<14} {:<17}{} {:>7} {:>9}   {:<25} {}\n", task, metric, base, apart, joint, difference,
                             costs);
  };
  line("task", "metric", "majority", "bag-of-words", "alone", "together", "difference (95 %)",
       fmt::format("{:>8} {:>9} {:>7}", "time", "size", "passes"));
  std::size_t better = 0;
  std::size_t worse = 0;
  std::size_t n_compared = 0;
  for (auto const& row : rows) {
    line(row.task, row.metric, shown(row.baselines.majority), shown(row.baselines.bag_of_words), shown(row.alone),
         shown(row.together), shown_difference(row.difference),
         row.alone_run == nullptr ? ""
                                  : cost(row.alone_run->seconds, row.alone_run->model_bytes, n_passes(*row.alone_run)));
    n_compared += !std::isnan(row.difference.value);
    better += row.difference.interval.low > 0;
    worse += row.difference.interval.high < 0;
  }
  // Costs of some tasks alone beside those of all together would look like a comparison.
  if (std::all_of(rows.begin(), rows.end(), [](auto const& row) { return row.alone_run != nullptr; }))
    line("all alone", "", "", "", "", "", "", cost(alone.seconds, alone.model_bytes, alone.passes));
  line("together", "", "", "", "", "", "", cost(together.seconds, together.model_bytes, n_passes(together)));
  std::cout
      << "\ntime: training; size: weights; passes: encoder passes that answer everything about one text (or pair)\n";
  if (n_compared == 0) return;
  std::cout << fmt::format(
      "together is better than alone on {}, worse on {}; on {} the interval of the difference holds 0{}\n",
      plural(better, "task"), plural(worse, "task"), plural(n_compared - better - worse, "task"),
      n_compared == rows.size()
          ? ""
          : fmt::format("; {} not compared: no run has {} alone", plural(rows.size() - n_compared, "task"),
                        rows.size() - n_compared == 1 ? "it" : "them"));
}

}  // namespace

int compare_runs(CommandLine const& line, Project const& project) {
  auto const together = open_run(project, line.compared.front());
  std::vector<ComparedRun> others;
  for (std::size_t i = 1; i < line.compared.size(); ++i) others.push_back(open_run(project, line.compared[i]));
  std::optional<data::Corpus> corpus;
  if (line.baselines) corpus = data::load_corpus(project.datasets, project.tasks, project.seed);
  if (corpus && has_errors(corpus->problems)) {
    print_problems(std::cerr, corpus->problems);
    throw Error(ErrorCode::InvalidInput, "the data has errors; correct them, or compare without --baselines");
  }
  std::vector<Comparison> rows;
  for (auto const& head : together.spec.heads)
    rows.push_back(compare(together, others, head, corpus ? &*corpus : nullptr, project.seed));
  auto const alone = totals_of(rows);
  say_what_is_unused(others, rows);
  if (line.output == Output::Json)
    print_json(together, rows, alone);
  else
    print_table(together, rows, alone, line.baselines);
  return 0;
}

}  // namespace polytask::cli
