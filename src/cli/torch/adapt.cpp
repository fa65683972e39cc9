// An encoder goes on with a project's own texts, and is kept only where the project's tasks gain by it.
// Method: task-adaptive pretraining (Gururangan et al. 2020, arXiv:2004.10964, section 4), judged by short fine-tunings
// of both encoders with the same seeds.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "cli/torch/engine_states.h"
#include "cli/torch/pretraining.h"
#include "cli/torch/run_identity.h"
#include "cli/torch/stop_on_signal.h"
#include "cli/verbs.h"
#include "train/trainer.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

/// Passes over the training rows of each fine-tuning, at most; more where few rows are labelled, as three passes teach
/// nothing then: as many as draw so many rows.
constexpr double kMostEpochs = 3, kFewRows = 2'500;

/// Minutes of pretraining, where neither --minutes nor a recipe says it.
constexpr double kMinutes = 5;

/// The training texts of a project, each text of a pair alone. Dev and test stay unseen.
train::LanguageSource texts_of(data::Corpus const& corpus) {
  train::LanguageSource source{.source = {.name = "project", .unit = data::TextUnit::Line}};
  data::SeenTexts seen;
  for (auto const& stream : corpus.streams)
    for (auto const& example : stream.of(data::Split::Train))
      for (auto const& text : example.texts) data::add_text(text, seen, source.texts);
  return source;
}

double most_epochs(data::Corpus const& corpus) {
  std::int64_t n_labelled = 0;
  for (auto const& stream : corpus.streams)
    stream.for_each_labels(data::Split::Train, [&](task::Example const& example) {
      n_labelled += std::any_of(example.labels.begin(), example.labels.end(), task::is_labelled) ? 1 : 0;
    });
  return std::max(kMostEpochs, kFewRows / static_cast<double>(std::max<std::int64_t>(1, n_labelled)));
}

/// Best dev scores of a short fine-tuning, by task.
std::map<std::string, double> fine_tuned(data::Corpus const& corpus, Project const& project, fs::path const& encoder,
                                         std::uint64_t seed, fs::path const& folder, CommandLine const& line,
                                         std::stop_token const& stop) {
  auto config = project.train;
  config.hidden_words = {};  // both encoders are judged by labels alone
  config.precision = precision_of_run(config.precision, line.device, {});
  config = train::effective(config, corpus, encoder);
  config.epochs = std::min(config.epochs.value(), most_epochs(corpus));
  std::map<std::string, double> best;
  make_folders(folder);
  (void)train::train(
      corpus, config,
      {.run_folder = folder,
       .encoder = encoder,
       .seed = seed,
       .n_threads = n_threads_of(line),
       .device = line.device,
       .frozen_layers = [&](fs::path const& of, std::int64_t n) { return frozen_layers(of, n, n_threads_of(line)); },
       .states_folder = folder / "states"},
      {.on_evaluation =
           [&](train::EvaluationRecord const& record) {
             if (record.is_best) best = record.dev;
           }},
      stop);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return best;
}

/// Scores by task and seed.
using Scores = std::map<std::string, std::vector<double>>;

double mean(std::vector<double> const& values) {
  double sum = 0;
  for (double const value : values) sum += value;
  return sum / static_cast<double>(std::max<std::size_t>(1, values.size()));
}

/// What the tasks gain together: by seed the mean over tasks, then mean and standard error over seeds.
struct Gain {
  double mean = 0;
  double error = 0;
};

Gain gain_of(Scores const& before, Scores const& after) {
  std::vector<double> by_seed;
  for (auto const& [task, scores] : before)
    for (std::size_t s = 0; s < scores.size(); ++s) {
      if (by_seed.size() <= s) by_seed.push_back(0);
      by_seed[s] += (after.at(task)[s] - scores[s]) / static_cast<double>(before.size());
    }
  Gain gain{.mean = mean(by_seed)};
  double squares = 0;
  for (double const value : by_seed) squares += (value - gain.mean) * (value - gain.mean);
  auto const n = static_cast<double>(by_seed.size());
  gain.error = n > 1 ? std::sqrt(squares / (n - 1) / n) : 0.0;
  return gain;
}

OrderedJson result_json(train::PretrainResult const& pretraining, Scores const& before, Scores const& after,
                        Gain const& gain, bool kept) {
  OrderedJson json;
  json["kept"] = kept;
  json["gain"] = gain.mean;
  json["standard_error"] = gain.error;
  json["tasks"] = OrderedJson::object();
  for (auto const& [task, scores] : before)
    json["tasks"][task] = {{"before", mean(scores)},
                           {"after", mean(after.at(task))},
                           {"before_by_seed", scores},
                           {"after_by_seed", after.at(task)}};
  json["pretraining"] = to_json(pretraining);
  return json;
}

void print_table(Project const& project, Scores const& before, Scores const& after, Gain const& gain) {
  std::cout << fmt::format("\n{:<20} {:<18} {:>8} {:>8} {:>8}   dev, mean of {} seeds\n", "task", "metric", "before",
                           "after", "gain", before.empty() ? 0 : before.begin()->second.size());
  for (auto const& task : project.tasks) {
    auto const found = before.find(task.name);
    if (found == before.end()) continue;
    auto const metric = task.metric.empty() ? std::string(task::default_metric(task.type)) : task.metric;
    double const old = mean(found->second);
    double const now = mean(after.at(task.name));
    std::cout << fmt::format("{:<20} {:<18} {:>8.4f} {:>8.4f} {:>+8.4f}\n", task.name, metric, old, now, now - old);
  }
  std::cout << fmt::format("{:<20} {:<18} {:>8} {:>8} {:>+8.4f}   standard error {:.4f}\n", "all", "", "", "",
                           gain.mean, gain.error);
}

}  // namespace

int adapt(CommandLine const& line) {
  StopOnSignal stop;
  auto const project = read_project(line.project, line.overrides);
  auto recipe = recipe_of(line, &project);
  if (!recipe.config.from)
    throw Error(
        ErrorCode::InvalidUsage,
        fmt::format("{}: names no encoder, so there is none to go on with; name one (encoder: FOLDER), or make one "
                    "without --adapt",
                    project.file.string()));
  if (line.minutes <= 0 && line.recipe.empty()) recipe.config.minutes = kMinutes;
  auto const corpus = data::load_corpus(project.datasets, project.tasks, project.seed);
  if (has_errors(corpus.problems)) {
    print_problems(std::cerr, corpus.problems);
    throw Error(ErrorCode::InvalidInput, "the data has errors; nothing was trained");
  }
  auto const folder = new_encoder_folder(line);
  recipe = with_encoders(std::move(recipe), [&] {
    stop.may_save();  // a download goes on where it stopped
    return stop.token();
  });
  auto const work = fs::path(folder.string() + ".unfinished");
  auto const adapted = work / "encoder";
  stop.may_save();
  auto const is_trained = line.resume && fs::exists(adapted / "pretraining.json");
  train::PretrainResult pretraining;
  if (!is_trained) {
    std::vector<train::LanguageSource> more;
    more.push_back(texts_of(corpus));
    pretraining = run_pretraining(recipe, std::move(more), probes_of(corpus), line, work, adapted, stop.token());
    if (line.output == Output::Text) print_evaluations(pretraining.evaluations);
  }
  Progress progress;
  Scores before, after;
  try {
    for (std::int64_t seed = 1; seed <= line.n_seeds; ++seed) {
      progress.note(fmt::format("fine-tuning both encoders, seed {} of {}", seed, line.n_seeds));
      auto const number = static_cast<std::uint64_t>(seed);
      auto const old =
          fine_tuned(corpus, project, *recipe.config.from, number, work / "fine-tuning", line, stop.token());
      auto const now = fine_tuned(corpus, project, adapted, number, work / "fine-tuning", line, stop.token());
      for (auto const& [task, score] : old) before[task].push_back(score), after[task].push_back(now.at(task));
    }
  } catch (Error const& error) {
    if (error.code() != ErrorCode::Interrupted) throw;
    throw Error(ErrorCode::Interrupted,
                fmt::format("stopped while the encoders were compared; continue with `{}`", resume_pretraining(line)));
  }
  auto const gain = gain_of(before, after);
  bool const kept = !before.empty() && gain.mean > gain.error && gain.mean > 0;
  auto const json = result_json(pretraining, before, after, gain, kept);
  std::error_code failed;
  if (kept) {
    write_file_atomically(adapted / "adaptation.json", json.dump(1) + "\n");
    fs::rename(adapted, folder, failed);
    if (failed)
      throw Error(ErrorCode::Unavailable,
                  fmt::format("{}: the encoder cannot be put in place ({})", folder.string(), failed.message()));
  }
  fs::remove_all(work, failed);
  if (line.output == Output::Json) {
    std::cout << json.dump(1) << '\n';
  } else {
    print_table(project, before, after, gain);
    if (kept)
      std::cout << fmt::format("\nkept: {}\nuse it: encoder: {}\n", folder.string(), folder.string());
    else
      std::cout
          << "\nnot kept: the tasks gained no more than chance would give; the project's encoder stays as it is\n";
  }
  return kept ? 0 : 4;
}

}  // namespace polytask::cli
