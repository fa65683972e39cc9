#include "train/layer_choice.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "model/encoder_files.h"
#include "model/model_folder.h"
#include "model/model_weights.h"
#include "train/internal/stopwatch.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;

/// What is kept of a trial.
struct Trial {
  double score = 0;  ///< on dev, of the model that it kept
  TrainResult result;
};

OrderedJson to_json(Trial const& trial) {
  auto const& result = trial.result;
  OrderedJson json;
  json["score"] = std::isfinite(trial.score) ? OrderedJson(trial.score) : OrderedJson();
  json["steps"] = result.n_steps;
  json["best_step"] = result.best_step;
  json["seconds"] = result.seconds;
  json["tokens_per_second"] = result.tokens_per_second;
  json["parameters"] = result.n_parameters;
  json["examples_drawn"] = result.examples_drawn;
  json["stopped_early"] = result.stopped_early;
  json["stopped_tasks"] = result.stopped_tasks;
  json["calibrations"] = OrderedJson::object();
  for (auto const& [task, calibration] : result.calibrations) {
    auto& of_task = json["calibrations"][task];
    of_task["temperature"] = calibration.temperature;
    if (calibration.null_threshold) of_task["null_threshold"] = *calibration.null_threshold;
    if (calibration.ece_before) of_task["ece_before"] = *calibration.ece_before;
  }
  return json;
}

Trial trial_from_json(Json const& json) {
  auto const number = [](Json const& value) { return value.is_number() ? value.get<double>() : std::nan(""); };
  Trial trial{.score = number(json.at("score"))};
  auto& result = trial.result;
  result.n_steps = json.at("steps");
  result.best_step = json.at("best_step");
  result.seconds = json.at("seconds");
  result.tokens_per_second = json.at("tokens_per_second");
  result.n_parameters = json.at("parameters");
  result.examples_drawn = json.at("examples_drawn").get<std::map<std::string, std::int64_t>>();
  result.stopped_early = json.at("stopped_early");
  result.stopped_tasks = json.at("stopped_tasks").get<std::map<std::string, std::int64_t>>();
  for (auto const& [task, of_task] : json.at("calibrations").items()) {
    auto& calibration = result.calibrations[task];
    calibration.temperature = of_task.at("temperature");
    if (of_task.contains("null_threshold")) calibration.null_threshold = of_task["null_threshold"].get<double>();
    if (of_task.contains("ece_before")) calibration.ece_before = of_task["ece_before"].get<double>();
  }
  return trial;
}

/// Of one trial that is complete; nothing where it is not.
std::optional<Trial> read_trial(fs::path const& path) {
  if (std::error_code absent; !fs::exists(path, absent)) return std::nullopt;
  try {
    return trial_from_json(parse_json(read_file(path), path.string()).value());
  } catch (Json::exception const& error) {
    throw Error(ErrorCode::Corrupt, fmt::format("{}: is damaged ({}); remove it, and the trial is made again",
                                                path.string(), json_problem(error)));
  }
}

/// One task with its rows, all of them in memory.
data::Corpus alone(data::Corpus const& corpus, std::size_t task) {
  data::Corpus one{.tasks = {corpus.tasks[task]},
                   .label_sets = {corpus.label_sets[task]},
                   .datasets = corpus.datasets,
                   .files = corpus.files};
  for (auto const& stream : corpus.streams) {
    auto const found = std::find(stream.tasks.begin(), stream.tasks.end(), task);
    if (found == stream.tasks.end()) continue;
    auto const position = static_cast<std::size_t>(found - stream.tasks.begin());
    auto& own = one.streams.emplace_back(data::Stream{.dataset = stream.dataset, .text = stream.text, .tasks = {0}});
    for (auto const split : {data::Split::Train, data::Split::Dev})
      stream.for_each(split, [&](task::Example const& example) {
        auto& copy = own.examples[static_cast<std::size_t>(split)].emplace_back(example);
        copy.labels = {example.labels[position]};
      });
  }
  return one;
}

std::int64_t n_dev_rows(data::Corpus const& corpus, std::size_t task) {
  return static_cast<std::int64_t>(corpus.n_labelled(task, data::Split::Dev));
}

std::string layers_text(std::int64_t n) {
  return n == 0 ? "no layer" : fmt::format("{} layer{}", n, n == 1 ? "" : "s");
}

/// All trials, one after another.
class Trials {
 public:
  Trials(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options, TrainEvents const& events,
         std::stop_token const& stop)
      : corpus_(corpus),
        config_(config),
        options_(options),
        events_(events),
        stop_(stop),
        folder_(options.run_folder / "trials"),
        n_layers_(model::read_encoder_config(*options.encoder).num_hidden_layers) {
    for (std::size_t task = 0; task < corpus.tasks.size(); ++task) n_trials_ += candidates(task).size();
  }

  TrainResult run() {
    if (events_.on_note)
      events_.on_note(fmt::format(
          "train.private_layers is auto: {} trainings in all, each of one task with 0 to {} layers of its own",
          n_trials_, n_layers_ - config_.frozen_layers));
    TrainResult whole;
    double n_tokens = 0;
    std::vector<fs::path> chosen_models;
    for (std::size_t task = 0; task < corpus_.tasks.size(); ++task) {
      auto const& name = corpus_.tasks[task].name;
      std::map<std::int64_t, Trial> trials;
      std::map<std::int64_t, double> scores;
      auto const corpus = alone(corpus_, task);
      for (auto const n_layers : candidates(task)) {
        auto const& trial = trials[n_layers] = run_trial(corpus, task, n_layers);
        scores[n_layers] = trial.score;
        whole.n_steps += trial.result.n_steps;
        whole.seconds += trial.result.seconds;
        n_tokens += trial.result.tokens_per_second * trial.result.seconds;
      }
      auto const chosen =
          smallest_good_enough(scores, 1.0 / static_cast<double>(std::max<std::int64_t>(1, n_dev_rows(corpus_, task))));
      for (auto const& [n_layers, score] : scores)
        if (n_layers != chosen) remove_all(trial_folder(task, n_layers));
      chosen_models.push_back(trial_folder(task, chosen) / "model");
      auto& result = trials.at(chosen).result;
      whole.layer_choices[name] = {.chosen = chosen, .dev = std::move(scores)};
      whole.examples_drawn.merge(result.examples_drawn);
      whole.calibrations.merge(result.calibrations);
      whole.stopped_tasks.merge(result.stopped_tasks);
      whole.stopped_early = whole.stopped_early || result.stopped_early;
      whole.n_parameters += result.n_parameters - n_encoder_parameters();
      if (events_.on_note) events_.on_note(fmt::format("{} gets {} of its own", quote(name), layers_text(chosen)));
    }
    whole.n_parameters += n_encoder_parameters();
    whole.tokens_per_second = whole.seconds > 0 ? n_tokens / whole.seconds : 0.0;
    merge(chosen_models);
    return whole;
  }

 private:
  /// How many layers of its own a task is tried with.
  [[nodiscard]] std::vector<std::int64_t> candidates(std::size_t task) const {
    auto const given = config_.task_layers.find(corpus_.tasks[task].name);
    if (given != config_.task_layers.end()) return {given->second};
    if (n_dev_rows(corpus_, task) == 0) {
      auto const problem = no_dev_rows(corpus_.tasks[task].name);
      throw Error(ErrorCode::InvalidUsage, fmt::format("{}: {}", problem.where, problem.message));
    }
    std::vector<std::int64_t> all;
    for (std::int64_t n = 0; n <= n_layers_ - config_.frozen_layers; ++n) all.push_back(n);
    return all;
  }

  [[nodiscard]] fs::path trial_folder(std::size_t task, std::int64_t n_layers) const {
    return folder_ / model::head_file_name(corpus_.tasks[task].name) / std::to_string(n_layers);
  }

  static void remove_all(fs::path const& folder) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  Trial run_trial(data::Corpus const& corpus, std::size_t task, std::int64_t n_layers) {
    ++n_done_;
    auto const folder = trial_folder(task, n_layers);
    fs::path const record = folder.string() + ".json";
    if (auto const before = read_trial(record)) return *before;
    fs::create_directories(folder);
    auto config = config_;
    config.chooses_private_layers = false;
    config.frozen_layers = n_layers_ - n_layers;
    config.task_layers.clear();
    if (n_layers > 0) config.task_layers[corpus_.tasks[task].name] = n_layers;
    config.selection = {};
    auto options = options_;
    options.run_folder = folder;
    Stopwatch const watch;
    Trial trial;
    try {
      trial.result = train(corpus, config, options, events_, stop_);
    } catch (Error const& error) {
      if (error.code() != ErrorCode::Interrupted) throw;
      throw Error(ErrorCode::Interrupted,
                  fmt::format("in training {} of {}, {} with {} of its own, {}", n_done_, n_trials_,
                              quote(corpus_.tasks[task].name), layers_text(n_layers), error.what()));
    }
    trial.score = trial.result.selection.value_or(std::nan(""));
    write_file_atomically(record, to_json(trial).dump(1) + "\n");
    remove_all(folder / "checkpoints");
    seconds_ += watch.seconds();
    ++n_made_;
    if (events_.on_note)
      events_.on_note(fmt::format("{} with {} of its own: {} {} on dev; training {} of {}, about {:.0f} s left",
                                  quote(corpus_.tasks[task].name), layers_text(n_layers), corpus_.tasks[task].metric,
                                  std::isfinite(trial.score) ? fmt::format("{:.4f}", trial.score) : "not scored",
                                  n_done_, n_trials_,
                                  seconds_ / static_cast<double>(n_made_) * static_cast<double>(n_trials_ - n_done_)));
    return trial;
  }

  [[nodiscard]] std::int64_t n_encoder_parameters() const {
    std::int64_t n = 0;
    for (auto const& [name, shape] : model::expected_encoder_tensors(model::read_encoder_config(*options_.encoder))) {
      std::int64_t of_tensor = 1;
      for (auto const size : shape) of_tensor *= size;
      n += of_tensor;
    }
    return n;
  }

  /// The encoder of all of them, which is the given one, and each one's task.
  void merge(std::vector<fs::path> const& models) const {
    auto const target = options_.run_folder / "model";
    if (!fs::exists(target / "model.json")) try {  // else somebody was killed behind that
        put_together(models, target);
      } catch (std::exception const& error) {
        throw Error(ErrorCode::Corrupt,
                    fmt::format("{}: the chosen models cannot be put together ({}); remove the folder of the task that "
                                "is damaged, and resume the run: its trainings are made again",
                                folder_.string(), error.what()));
      }
    for (auto const& folder : models) remove_all(folder.parent_path());
  }

  void put_together(std::vector<fs::path> const& models, fs::path const& target) const {
    auto const unfinished = fs::path(target.string() + fmt::format(".{}.part", ::getpid()));
    remove_all(unfinished);
    fs::create_directories(unfinished);
    fs::copy(models.front() / "encoder", unfinished / "encoder", fs::copy_options::recursive);
    auto spec = model::read_model_spec(models.front());
    spec.heads.clear();
    for (auto const& folder : models) {
      auto const head = model::read_model_spec(folder).heads.front();
      auto const place = model::task_folder(unfinished, head.task.name);
      fs::create_directories(place.parent_path());
      fs::copy(model::task_folder(folder, head.task.name), place, fs::copy_options::recursive);
      spec.heads.push_back(head);
    }
    model::write_model_spec(unfinished, spec);
    (void)model::read_model_weights(unfinished, model::read_encoder_config(unfinished / "encoder"), spec);
    remove_all(target);
    std::error_code failed;
    fs::rename(unfinished, target, failed);
    if (failed)
      throw Error(ErrorCode::Unavailable,
                  fmt::format("{}: the model cannot be put in place ({})", target.string(), failed.message()));
    sync_folder(options_.run_folder);
  }

  data::Corpus const& corpus_;
  TrainConfig const& config_;
  TrainOptions const& options_;
  TrainEvents const& events_;
  std::stop_token stop_;
  fs::path folder_;
  std::int64_t n_layers_;
  std::size_t n_trials_ = 0;
  std::size_t n_done_ = 0;
  std::size_t n_made_ = 0;  // in this process
  double seconds_ = 0;      // of those
};

}  // namespace

std::int64_t smallest_good_enough(std::map<std::int64_t, double> const& scores, double one_row) {
  expects(!scores.empty(), "something was tried");
  auto const value = [](double score) { return std::isfinite(score) ? score : 0.0; };
  double best = value(scores.begin()->second);
  for (auto const& [n_layers, score] : scores) best = std::max(best, value(score));
  constexpr double kRounding = 1e-9;  // scores are counts of rows over their number
  auto const found = std::find_if(scores.begin(), scores.end(),
                                  [&](auto const& one) { return value(one.second) >= best - one_row - kRounding; });
  return found->first;
}

TrainResult train_with_chosen_layers(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options,
                                     TrainEvents const& events, std::stop_token const& stop) {
  if (options.processes != nullptr)
    throw Error(ErrorCode::InvalidUsage,
                "train.private_layers: auto makes many small trainings, which one process does alone; leave out "
                "--workers, or give each task its private_layers");
  if (!options.encoder)
    throw Error(ErrorCode::InvalidUsage,
                "train.frozen_layers: layers from scratch have learnt nothing yet; name a pretrained encoder");
  return Trials(corpus, effective(config, corpus, options.encoder), options, events, stop).run();
}

}  // namespace polytask::train
