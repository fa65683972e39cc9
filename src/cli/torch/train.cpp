#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <memory>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "cli/answers.h"
#include "cli/live_line.h"
#include "cli/machine_notes.h"
#include "cli/project_file.h"
#include "cli/run_store.h"
#include "cli/scoring.h"
#include "cli/terminal.h"
#include "cli/torch/engine_states.h"
#include "cli/torch/progress.h"
#include "cli/torch/run_environment.h"
#include "cli/torch/run_identity.h"
#include "cli/torch/stop_on_signal.h"
#include "cli/torch/verbs.h"
#include "cli/torch/workers.h"
#include "cli/verbs.h"
#include "report/run_files.h"
#include "report/run_page.h"
#include "train/predictor.h"
#include "train/process_group.h"
#include "train/trainer.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

std::string utc_time(char const* format, std::time_t now) {
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &utc)};
}

/// To the millisecond, so that runs made one after the other sort in that order.
std::string start_time() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return utc_time("%Y-%m-%dT%H:%M:%S", now.tv_sec) + fmt::format(".{:03}Z", now.tv_nsec / 1'000'000);
}

/// Threads of each process: --threads, or its share of the machine's cores.
int threads_of_process(CommandLine const& line) {
  return line.n_threads > 0 ? line.n_threads
                            : std::max(1, n_threads_of(line) / std::max(line.n_workers, n_processes_here()));
}

/// What a run is made of; two runs of equal identity give equal bytes.
OrderedJson identity_of(Project const& project, data::Corpus const& corpus, CommandLine const& line, int n_processes) {
  auto json = effective_configuration(project, line.only);
  json["threads"] = threads_of_process(line);
  if (n_processes > 1) json["processes"] = n_processes;
  json["device"] = line.device;
  json["data_sha256"] = OrderedJson::object();
  for (auto const& dataset : corpus.datasets) json["data_sha256"][dataset.name] = dataset.sha256;
  json["encoder_sha256"] = project.encoder ? encoder_hashes(*project.encoder) : OrderedJson();
  if (project.hub) json["encoder_hub"] = to_json(*project.hub);
  return json;
}

/// What continues the run, with every option that decides its result.
std::string resume_command(CommandLine const& line, std::string const& id) {
  auto command = fmt::format("polytask train --run {} --resume", id);
  auto const add = [&](std::string const& option, std::string const& value) {
    command += " " + option + " " + shell_word(value);
  };
  if (line.project != "polytask.yaml") add("--project", line.project.string());
  for (auto const& task : line.only) add("--only", task);
  for (auto const& value : line.overrides) add("--set", value);
  if (line.n_threads > 0) add("--threads", std::to_string(line.n_threads));
  if (line.n_workers > 1) add("--workers", std::to_string(line.n_workers));
  if (line.device != "cpu") add("--device", line.device);
  return command;
}

/// What there is already under the run's name: true when it is complete and unchanged.
bool is_done_already(fs::path const& project_folder, std::string const& id, OrderedJson const& identity,
                     CommandLine const& line) {
  auto const existing = find_run(project_folder, id);
  if (!existing) return false;
  auto const path = existing->folder / "config.json";
  auto const before = parse_json(read_file(path), path.string()).value();
  if (auto const keys = differing_keys(before, Json::parse(identity.dump())); !keys.empty())
    throw Error(ErrorCode::Conflict, fmt::format("the run {} was started with another configuration; differing:{}; "
                                                 "choose another --run, or put the values back",
                                                 quote(id), keys));
  if (existing->status == RunStatus::Complete) return true;
  if (!line.resume)
    throw Error(ErrorCode::Conflict,
                fmt::format("the run {} is not complete; continue it with `{}`", quote(id), resume_command(line, id)));
  return false;
}

/// What the temperature did on the rows that it was fitted to.
OrderedJson calibration_json(eval::Calibration const& calibration, eval::TaskScores const& scores) {
  if (calibration.null_threshold) return {{"null_threshold", *calibration.null_threshold}};
  OrderedJson json{{"temperature", calibration.temperature}};
  if (!calibration.ece_before) return json;
  auto const rounded = [](double error) { return std::round(error * 1e6) / 1e6; };
  json["ece_before"] = rounded(*calibration.ece_before);
  json["ece_after"] = rounded(scores.all.at("ece").value);
  return json;
}

/// Scores on dev and test, answers, misses; the JSON of the contract for the better known split.
OrderedJson score_run(fs::path const& folder, data::Corpus const& corpus, CommandLine const& line,
                      std::map<std::string, eval::Calibration> const& calibrations, std::stop_token const& stop) {
  auto const predictor = train::Predictor::load(folder / "model", n_threads_of(line), line.device);
  OrderedJson scores;
  for (auto const split : {data::Split::Dev, data::Split::Test}) {
    auto const answers = answer_split(answering(predictor), corpus, split, stop);
    if (answers.empty()) continue;
    auto& of_split = scores[std::string(data::to_string(split))] = OrderedJson::object();
    for (auto const& of_task : answers) {
      leave_if_stopped(stop);
      auto const task_scores = score_answers(answering(predictor), corpus, of_task);
      auto& json = of_split[task_scores.task] = scores_json(task_scores);
      if (auto const found = calibrations.find(task_scores.task);
          split == data::Split::Dev && found != calibrations.end())
        json["calibration"] = calibration_json(found->second, task_scores);
      write_answers(folder / "predictions", split, corpus, of_task);
    }
    if (split == data::Split::Dev) write_misses(folder / "misses.jsonl", corpus, answers);
  }
  write_file_atomically(folder / "scores.json", scores.dump() + "\n");
  return scores;
}

OrderedJson result_json(std::string const& id, train::TrainResult const& result, OrderedJson const& scores) {
  OrderedJson json;
  json["run"] = id;
  std::string const split = scores.contains("test") ? "test" : "dev";
  json["split"] = split;
  json["tasks"] = OrderedJson::object();
  auto const add = [&](std::string const& of_split) {
    if (!scores.contains(of_split)) return;
    for (auto const& [task, score] : scores[of_split].items()) {
      if (json["tasks"].contains(task)) continue;
      auto shown = score;
      for (auto const* key : {"confusion", "confusion_labels", "confusion_by_label", "calibration"}) shown.erase(key);
      if (of_split != split) shown["split"] = of_split;
      json["tasks"][task] = std::move(shown);
    }
  };
  add(split);
  add("dev");  // of tasks without test rows
  json["seconds"] = result.seconds;
  json["tokens_per_second"] = result.tokens_per_second;
  json["examples_drawn"] = result.examples_drawn;
  json["resumed_from_step"] = result.resumed_from_step;
  json["steps"] = result.n_steps;
  json["best_step"] = result.best_step;
  json["parameters"] = result.n_parameters;
  json["stopped_early"] = result.stopped_early;
  if (!result.stopped_tasks.empty()) json["stopped_tasks"] = result.stopped_tasks;
  for (auto const& [task, choice] : result.layer_choices) {
    auto& of_task = json["private_layers"][task];
    of_task["chosen"] = choice.chosen;
    for (auto const& [n_layers, score] : choice.dev)
      of_task["dev"][std::to_string(n_layers)] = std::isfinite(score) ? OrderedJson(score) : OrderedJson();
  }
  return json;
}

void print_result(Json const& result, fs::path const& folder, Output output) {
  if (output == Output::Json) {
    std::cout << result.dump(1) << '\n';
    return;
  }
  std::cout << fmt::format("\n{:<20} {:<18} {:>8}   95 % interval      {} rows\n", "task", "metric", "score",
                           result.value("split", ""));
  auto const number = [](Json const& value) {
    return value.is_number() ? fmt::format("{:.4f}", value.get<double>()) : std::string("-");
  };
  for (auto const& [task, score] : result["tasks"].items())
    std::cout << fmt::format("{:<20} {:<18} {:>8}   {} to {}   {}{}\n", task, score["metric"].get<std::string>(),
                             number(score["value"]), number(score["interval"][0]), number(score["interval"][1]),
                             score["n"].get<std::size_t>(), score.contains("split") ? " of dev" : "");
  if (result.contains("private_layers")) {
    std::cout << "\nlayers of its own, and the dev score with each number that was tried\n";
    for (auto const& [task, choice] : result["private_layers"].items()) {
      std::cout << fmt::format("{:<20} {} ", task, choice["chosen"].get<std::int64_t>());
      for (auto const& [n_layers, score] : choice["dev"].items())
        std::cout << fmt::format("  {}: {}", n_layers, number(score));
      std::cout << '\n';
    }
  }
  if (result["tasks"].empty()) std::cout << "no labelled row is in dev or test: nothing could be scored\n";
  std::cout << "\nlabelled rows trained on:";
  for (auto const& [task, n] : result["examples_drawn"].items())
    std::cout << fmt::format(" {} {}", task, n.get<std::int64_t>());
  std::cout << fmt::format("\n{} in {}, {:.0f} tokens/s\nits page: {}\n", result["run"].get<std::string>(),
                           duration_text(result["seconds"].get<double>()), result["tokens_per_second"].get<double>(),
                           (folder / "report.html").string());
}

/// The page of a run that is complete or interrupted.
void write_page(fs::path const& folder) {
  write_file_atomically(folder / "report.html", report::run_page(report::read_run(folder)));
}

/// What a killed process was writing, and the result of a run whose state never became complete: the page would believe
/// it. The lock says that nobody else is here.
void remove_unfinished_files(fs::path const& folder) {
  std::error_code ignored;
  fs::remove(folder / "result.json", ignored);
  std::vector<fs::path> unfinished;
  for (auto const& entry : fs::recursive_directory_iterator(folder, ignored))
    if (entry.path().extension() == ".part") unfinished.push_back(entry.path());
  for (auto const& path : unfinished) fs::remove_all(path, ignored);
}

void remove_run(fs::path const& folder) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

/// Project and time; what a run's name cannot hold becomes "-", and a name that is taken gets a number.
std::string new_run_id(Project const& project) {
  std::string name = project.name.substr(0, 60);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') c = '-';
  if (name.empty() || name.front() == '.' || name.front() == '-') name.insert(0, "run");
  auto const id = name + "-" + utc_time("%Y%m%d-%H%M%S", std::time(nullptr));
  auto free = id;
  for (int n = 2; fs::exists(runs_folder(project.folder) / free); ++n) free = fmt::format("{}-{}", id, n);
  return free;
}

train::TrainOptions options_of(Project const& project, CommandLine const& line, train::ProcessGroup* processes) {
  int const n_threads = threads_of_process(line);
  return {.encoder = project.encoder,
          .seed = project.seed,
          .n_threads = n_threads,
          .device = line.device,
          .resume = line.resume,
          .frozen_layers = [n_threads](fs::path const& encoder,
                                       std::int64_t n_layers) { return frozen_layers(encoder, n_layers, n_threads); },
          .processes = processes,
          .states_folder = states_folder(project.folder),
          .rows_folder = rows_folder(project.folder),
          .release = POLYTASK_VERSION};
}

/// Training rows beyond a bound lie on the disk. `tells`: how far it is.
data::Corpus read_corpus(Project const& project, bool tells) {
  LiveLine line;
  data::ReadOptions options{.unlabelled = unlabelled_texts(project),
                            .storage = {.folder = rows_folder(project.folder)}};
  if (tells) options.on_progress = reading_rows(line);
  auto const start = std::chrono::steady_clock::now();
  auto corpus = data::load_corpus(project.datasets, project.tasks, project.seed, options);
  std::size_t n_rows = 0;
  for (auto const& dataset : corpus.datasets)
    n_rows += std::accumulate(dataset.n_rows.begin(), dataset.n_rows.end(), std::size_t{0});
  std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - start;
  if (tells && n_rows >= kManyRows)
    line.print(fmt::format("read {} rows in {}", n_rows, duration_text(seconds.count())));
  return corpus;
}

std::unique_ptr<train::ProcessGroup> joined(train::ProcessPlace const& place, OrderedJson const& identity) {
  auto group = std::make_unique<train::ProcessGroup>(place);
  group->check_same("the configurations, the data or the releases of polytask",
                    fmt::format("{} {}", POLYTASK_VERSION, identity.dump()));
  return group;
}

void check_together(CommandLine const& line, std::optional<train::ProcessPlace> const& place) {
  bool const is_worker = place && !place->file.empty();
  if (place && !is_worker && line.n_workers > 1)
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("--workers {}: a launcher has started {} processes already (WORLD_SIZE or SLURM_NTASKS); "
                            "leave --workers out, or unset the variable",
                            line.n_workers, place->size));
  if (place && !is_worker && line.run.empty())
    throw Error(ErrorCode::InvalidUsage,
                "--run is missing: processes that a launcher starts need one name for the run");
  if ((place || line.n_workers > 1) && line.device != "cpu")
    throw Error(ErrorCode::InvalidUsage,
                "several processes train on the CPU alone; leave out --device, or train in one");
}

OrderedJson state_json(std::string_view status, std::string const& started) {
  return {{"status", status}, {"started", started}};
}

}  // namespace

int train(CommandLine const& line) {
  StopOnSignal stop;
  auto const place = place_of_this_process();
  check_together(line, place);
  auto project = only_tasks(read_project(line.project, line.overrides), line.only);
  if (!project.train.hidden_words.empty() && (place || line.n_workers > 1))
    throw Error(
        ErrorCode::InvalidUsage,
        fmt::format("tasks.{}: hidden words (type mlm) are learnt in one process so far; leave --workers out, or "
                    "the task (--only)",
                    project.train.hidden_words.front().texts.name));
  auto const corpus = read_corpus(project, !place || place->rank == 0);
  if (has_errors(corpus.problems)) {
    print_problems(std::cerr, corpus.problems);
    throw Error(ErrorCode::InvalidInput,
                "the data has errors; nothing was trained (`polytask validate` shows the warnings too)");
  }
  auto const id = line.run.empty() ? new_run_id(project) : line.run;
  check_run_id(id);
  project = with_encoder(std::move(project), [&] {
    stop.may_save();  // a download goes on where it stopped
    return stop.token();
  });
  auto& precision = project.train.precision;
  bool const is_measured = precision == "auto";
  precision = precision_of_run(precision, line.device, runs_folder(project.folder) / id / "config.json");
  project.train = train::effective(project.train, corpus, project.encoder);
  auto const identity = identity_of(project, corpus, line, place ? place->size : line.n_workers);
  std::optional<Workers> workers;              // waits for them to end,
  std::unique_ptr<train::ProcessGroup> group;  // after this has told them to
  auto const join = [&](train::ProcessPlace const& at) {
    auto together = identity;
    if (is_measured) together["train"]["precision"] = "auto";  // as each process measured it
    auto joined_group = joined(at, together);
    std::int64_t is_bfloat16 = precision == "bf16" ? 1 : 0;
    if (is_measured) joined_group->share({&is_bfloat16, 1});
    precision = is_measured ? (is_bfloat16 != 0 ? "bf16" : "f32") : precision;
    return joined_group;
  };
  if (place) group = join(*place);
  if (group && !group->leads()) {
    stop.leave_it_to_the_leader();
    auto options = options_of(project, line, group.get());
    options.resume = false;  // the leader reads the checkpoint for all
    train::follow(corpus, project.train, options, stop.token());
    return 0;
  }
  auto const folder = runs_folder(project.folder) / id;
  stop.may_save();
  make_folders(folder);
  RunLock const lock(folder);
  if (is_done_already(project.folder, id, identity, line)) {
    if (!fs::exists(folder / "report.html"))
      write_page(folder);  // the process ended, or the disk was full, before it was there
    auto const path = folder / "result.json";
    if (line.output == Output::Text)
      std::cout << fmt::format("the run {} is complete and unchanged; nothing to do\n", quote(id));
    print_result(parse_json(read_file(path), path.string()).value(), folder, line.output);
    return 0;
  }
  remove_unfinished_files(folder);
  auto const existing = find_run(project.folder, id);
  auto const started = existing ? existing->state.value("started", "") : start_time();
  write_file_atomically(folder / "config.json", identity.dump(1) + "\n");
  write_environment(folder, threads_of_process(line), line.device);
  write_state(folder, state_json("running", started));

  Progress progress;
  for (auto const& note : machine_notes(this_machine(project.train.precision), threads_of_process(line),
                                        std::max(line.n_workers, n_processes_here())))
    progress.note(note);
  bool has_begun = existing.has_value();
  train::TrainEvents const events{
      .on_preparing = [&](std::size_t n_done, std::size_t n_rows) { progress.show_preparing(n_done, n_rows); },
      .on_filling = [&](std::size_t n_done, std::size_t n_missing) { progress.show_filling(n_done, n_missing); },
      .on_filled = [&](data::FrozenStates::Filled const& filled) { progress.show(filled); },
      .on_note = [&](std::string const& sentence) { progress.note(sentence); },
      .on_plan = [&](train::Plan const& plan) { progress.show(plan), has_begun = true; },
      .on_step = [&](train::StepRecord const& record) { progress.show(record); },
      .on_evaluation = [&](train::EvaluationRecord const& record) { progress.show(record); },
  };
  try {
    if (!group && line.n_workers > 1) {
      workers.emplace(line.n_workers);
      group = join(workers->place());
      workers->joined();
    }
    auto options = options_of(project, line, group.get());
    options.run_folder = folder;
    auto const result = train::train(corpus, project.train, options, events, stop.token());
    progress.finish();
    auto const json = result_json(id, result, score_run(folder, corpus, line, result.calibrations, stop.token()));
    write_file_atomically(folder / "result.json", json.dump(1) + "\n");
    auto state = state_json("complete", started);
    state["seconds"] = result.seconds;
    for (auto const& [task, score] : json["tasks"].items()) state["scores"][task] = score["value"];
    std::error_code ignored;
    fs::remove(folder / "report.html", ignored);  // of an interruption
    write_state(folder, state);
    write_page(folder);  // one that cannot be written now is written by the next call
    print_result(Json::parse(json.dump()), folder, line.output);
    return 0;
  } catch (Error const& error) {
    progress.finish();
    if (error.code() != ErrorCode::Interrupted) {
      if (!has_begun) remove_run(folder);  // what is put right would look like another configuration
      throw;
    }
    write_state(folder, state_json("interrupted", started));
    try {
      write_page(folder);
    } catch (Error const& reason) {
      progress.note(fmt::format("the page of the interrupted run could not be written: {}", reason.what()));
    }
    throw Error(ErrorCode::Interrupted, fmt::format("{}; continue with `{}`", error.what(), resume_command(line, id)));
  }
}

}  // namespace polytask::cli
