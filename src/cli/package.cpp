#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/project_file.h"
#include "cli/run_store.h"
#include "cli/verbs.h"
#include "model/model_weights.h"
#include "model/package_contents.h"
#include "model/package_diff.h"
#include "text/tokenizer.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

void check_tokenizer(fs::path const& folder, model::ModelSpec const& spec) {
  auto const encoder = folder / "encoder";
  model::check_belongs(folder, spec, model::read_encoder_config(encoder),
                       text::load_tokenizer(encoder)->vocabulary_size());
}

/// A JSON file of a run's folder; null where there is none.
Json facts_of_run(fs::path const& path) {
  std::error_code absent;
  return fs::is_regular_file(path, absent) ? parse_json(read_file(path, 1 << 28), path.string()).value() : Json();
}

std::optional<model::TaskScore> score_in(Json const& scores, std::string const& task, fs::path const& path) {
  for (auto const* split : {"test", "dev"}) {
    if (!scores.is_object() || !scores.contains(split) || !scores[split].contains(task)) continue;
    try {
      auto const& found = scores[split][task];
      model::TaskScore score{
          .metric = found.at("metric").get<std::string>(), .n = found.at("n").get<std::int64_t>(), .split = split};
      if (!found.at("value").is_null()) score.value = found["value"].get<double>();
      if (auto const& interval = found.at("interval"); !interval.at(0).is_null() && !interval.at(1).is_null())
        score.interval = {interval.at(0).get<double>(), interval.at(1).get<double>()};
      return score;
    } catch (Json::exception const& error) {
      throw Error(ErrorCode::Corrupt, fmt::format("{}: the scores of {} cannot be read ({}); the file is damaged",
                                                  path.string(), quote(task), json_problem(error)));
    }
  }
  return std::nullopt;
}

/// Content hashes of the datasets that a task learned from, as far as the run's configuration has them.
std::map<std::string, std::string> data_hashes(Json const& config, model::HeadSpec const& head, fs::path const& path) {
  std::map<std::string, std::string> found;
  try {
    for (auto const& dataset : head.task.datasets)
      if (auto const& hashes = config.at("data_sha256"); hashes.contains(dataset))
        found[dataset] = hashes[dataset].get<std::string>();
  } catch (Json::exception const& error) {
    throw Error(ErrorCode::Corrupt, fmt::format("{}: the hashes of the data cannot be read ({}); the file is damaged",
                                                path.string(), json_problem(error)));
  }
  return found;
}

/// The model of the hub that a run's encoder started from; nothing where it was a folder.
std::optional<model::HubModel> hub_model(Json const& config, fs::path const& path) {
  if (!config.contains("encoder_hub")) return std::nullopt;
  try {
    auto const& hub = config["encoder_hub"];
    return model::HubModel{hub.at("name").get<std::string>(), hub.at("commit").get<std::string>()};
  } catch (Json::exception const& error) {
    throw Error(ErrorCode::Corrupt, fmt::format("{}: the encoder's origin cannot be read ({}); the file is damaged",
                                                path.string(), error.what()));
  }
}

/// Of a model folder; what its run knows stands beside it.
model::PackageContents contents_of_run(fs::path const& model_folder) {
  auto const run = fs::canonical(model_folder).parent_path();
  auto const config = facts_of_run(run / "config.json");
  // An encoder's folder has a config.json too.
  bool const is_run = config.is_object() && config.contains("data_sha256");
  auto const scores = is_run ? facts_of_run(run / "scores.json") : Json();
  auto const id = is_run ? std::optional(run.filename().string()) : std::nullopt;
  auto contents = model::contents_of_model(model_folder, [&](model::HeadSpec const& head) {
    model::TaskOrigin origin{.run = id};
    if (!is_run) return origin;
    origin.data = data_hashes(config, head, run / "config.json");
    origin.score = score_in(scores, head.task.name, run / "scores.json");
    origin.hub = hub_model(config, run / "config.json");
    return origin;
  });
  contents.manifest.parent = {.run = id};
  return contents;
}

model::PackageContents contents_at(fs::path const& folder) {
  std::error_code absent;
  if (!model::is_package(folder) && !fs::exists(folder / "model.json", absent))
    throw Error(ErrorCode::NotFound,
                fmt::format("{}: is neither a package (it has no manifest.json) nor a model folder (no model.json){}",
                            folder.string(),
                            fs::exists(folder / "model" / "model.json", absent)
                                ? fmt::format("; did you mean {}?", (folder / "model").string())
                                : "; `polytask package --run ID --to FOLDER` makes a package of a run"));
  auto contents = model::is_package(folder) ? model::contents_of(model::open_package(folder)) : contents_of_run(folder);
  check_tokenizer(folder, contents.spec);
  return contents;
}

model::PackageContents composed(CommandLine const& line) {
  auto contents = contents_at(line.from);
  for (auto const& task : line.dropped) model::drop_task(contents, task);
  for (auto const& choice : line.tasks) {
    auto const equals = choice.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == choice.size())
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("--task {}: expected TASK=PACKAGE, a task and the package that has it", quote(choice)));
    model::take_task(contents, contents_at(choice.substr(equals + 1)), choice.substr(0, equals));
  }
  return contents;
}

void check_options(CommandLine const& line) {
  auto const refuse = [](char const* reason) { throw Error(ErrorCode::InvalidUsage, reason); };
  if (line.to.empty()) refuse("`polytask package` needs --to FOLDER, the new folder; see `polytask package --help`");
  if (!line.from.empty() && !line.run.empty())
    refuse("--run and --from exclude one another: a package is made from a run or from a package");
  bool const changes = !line.tasks.empty() || !line.dropped.empty();
  if (line.from.empty() && changes) refuse("--task and --drop change a package; name it with --from");
  if (!line.from.empty() && !changes)
    refuse("--from alone changes nothing; say what with --task TASK=PACKAGE or --drop TASK, or copy the folder");
}

model::PackageContents contents_of_named_run(CommandLine const& line) {
  auto const run = complete_run(read_project(line.project, line.overrides).folder, line.run);
  refuse_inside_run(run, line.to);
  return contents_at(run.folder / "model");
}

int make(CommandLine const& line) {
  check_options(line);
  auto const contents = line.from.empty() ? contents_of_named_run(line) : composed(line);
  auto const written = model::write_package(contents, line.to, POLYTASK_VERSION);
  auto const names = contents.spec.task_names();
  if (line.output == Output::Json)
    std::cout
        << OrderedJson{{"package", written.id}, {"folder", line.to}, {"new", written.is_new}, {"tasks", names}}.dump(1)
        << '\n';
  else
    std::cout << fmt::format(
        "{} {}: package {} of {} {} ({})\n", line.to, written.is_new ? "is ready" : "is there already and unchanged",
        model::short_id(written.id), names.size(), names.size() == 1 ? "task" : "tasks", fmt::join(names, ", "));
  return 0;
}

int verify(CommandLine const& line) {
  auto const package = model::open_package(line.packages.front());
  check_tokenizer(package.folder, package.spec);
  auto const n_files = package.manifest.files.size() + 1;
  auto const names = package.spec.task_names();
  if (line.output == Output::Json)
    std::cout << OrderedJson{{"package", package.id}, {"tasks", names}, {"files", n_files}, {"bytes", package.n_bytes}}
                     .dump(1)
              << '\n';
  else
    std::cout << fmt::format("{}: package {} is whole: {} files, {:.1f} MB, tasks {}\n", package.folder.string(),
                             model::short_id(package.id), n_files, static_cast<double>(package.n_bytes) / 1e6,
                             fmt::join(names, ", "));
  return 0;
}

OrderedJson to_json(std::optional<model::TaskScore> const& score) {
  if (!score) return {};
  return {{"metric", score->metric},
          {"value", score->value ? OrderedJson(*score->value) : OrderedJson()},
          {"interval", score->interval ? OrderedJson(*score->interval) : OrderedJson()},
          {"n", score->n},
          {"split", score->split}};
}

OrderedJson to_json(std::optional<std::string> const& id, std::string const& folder) {
  return {{"package", id ? OrderedJson(*id) : OrderedJson()}, {"folder", folder}};
}

OrderedJson to_json(model::TaskDifference const& task) {
  OrderedJson json;
  json["in"] = task.in == model::InPackages::Both ? "both" : task.in == model::InPackages::First ? "first" : "second";
  json["answers_can_change"] = task.answers_can_change();
  json["because"] = task.because;
  json["probabilities_alone"] = task.probabilities_alone;
  json["labels"] = {{"added", task.labels_added}, {"removed", task.labels_removed}};
  json["threshold"] = {task.threshold.first, task.threshold.second};
  json["temperature"] = {task.temperature.first, task.temperature.second};
  json["metrics"] = OrderedJson::array({to_json(task.score.first), to_json(task.score.second)});
  return json;
}

std::string score_text(std::optional<model::TaskScore> const& score) {
  if (!score || !score->value) return "unknown";
  return fmt::format("{:.4f} ({} rows of {})", *score->value, score->n, score->split);
}

std::string because_text(model::TaskDifference const& task) {
  std::vector<std::string> reasons;
  for (auto const& reason : task.because) {
    if (reason == "threshold" || reason == "temperature") {
      auto const& [before, after] = reason == "threshold" ? task.threshold : task.temperature;
      reasons.push_back(fmt::format("{} {} -> {}", reason, before, after));
    } else if (reason == "labels") {
      std::string labels = "labels";
      for (auto const& label : task.labels_added) labels += " +" + quote(label);
      for (auto const& label : task.labels_removed) labels += " -" + quote(label);
      reasons.push_back(labels);
    } else {
      reasons.push_back(reason);
    }
  }
  return fmt::format("{}", fmt::join(reasons, ", "));
}

void print(model::TaskDifference const& task, CommandLine const& line) {
  std::cout << task.task << ": ";
  if (task.in != model::InPackages::Both) {
    std::cout << "only in " << line.packages[task.in == model::InPackages::First ? 0 : 1] << '\n';
    return;
  }
  if (task.answers_can_change())
    std::cout << (task.probabilities_alone ? "probabilities can change (" : "answers can change (")
              << because_text(task) << ')';
  else
    std::cout << "answers stay the same";
  auto const& [before, after] = task.score;
  if (before != after)
    std::cout << fmt::format("; {} {} -> {}", after ? after->metric : before->metric, score_text(before),
                             score_text(after));
  std::cout << '\n';
}

int diff(CommandLine const& line) {
  auto const first = contents_at(line.packages[0]);
  auto const second = contents_at(line.packages[1]);
  auto const found = model::difference(first, second);
  if (line.output == Output::Json) {
    OrderedJson json;
    json["first"] = to_json(first.id, line.packages[0]);
    json["second"] = to_json(second.id, line.packages[1]);
    json["encoder_differs"] = found.encoder;
    json["reading_differs"] = found.reading;
    json["precision_differs"] = found.precision;
    json["private_layers_differ"] = OrderedJson::array();
    for (auto const reading : found.private_layers) json["private_layers_differ"].push_back(model::to_string(reading));
    json["tasks"] = OrderedJson::object();
    for (auto const& task : found.tasks) json["tasks"][task.task] = to_json(task);
    std::cout << json.dump(1) << '\n';
    return 0;
  }
  std::cout << "encoder: " << (found.encoder ? "differs" : "the same") << '\n';
  if (found.reading) std::cout << "how texts are read (model.json): differs\n";
  if (found.precision) std::cout << "what is computed in (precision.json): differs\n";
  for (auto const reading : found.private_layers)
    std::cout << "private layers of the reading " << model::to_string(reading) << ": differ\n";
  for (auto const& task : found.tasks) print(task, line);
  return 0;
}

}  // namespace

int package(CommandLine const& line) {
  switch (line.package_action) {
    case PackageAction::Make: return make(line);
    case PackageAction::Diff: return diff(line);
    case PackageAction::Verify: return verify(line);
  }
  return 42;
}

}  // namespace polytask::cli
