#include <fmt/format.h>

#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "cli/machine_notes.h"
#include "cli/run_store.h"
#include "cli/shipped_encoders.h"
#include "cli/terminal.h"
#include "cli/torch/engine_states.h"
#include "cli/torch/pretraining.h"
#include "cli/torch/run_identity.h"
#include "cli/torch/stop_on_signal.h"
#include "cli/torch/verbs.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

/// A file of --texts as a source of its own.
data::TextSource source_of(std::string const& file, std::size_t number, bool teach) {
  return {.name = fmt::format("{}-{}", number, fs::path(file).filename().string()), .files = {file}, .teach = teach};
}

/// What a pretraining is made of; two of equal identity give equal weights.
OrderedJson identity_of(PretrainRecipe const& recipe, MoreTexts const& more, CommandLine const& line) {
  auto json = effective_recipe(recipe);
  json["threads"] = n_threads_of(line);
  json["texts_sha256"] = OrderedJson::object();
  for (auto const& source : recipe.sources)
    for (auto const& file : source.files) json["texts_sha256"][source.name].push_back(sha256_file(file));
  for (auto const& source : more) {
    Sha256 hash;
    for (auto const& text : source.texts.texts) hash.update(text.text).update("\n");
    json["texts_sha256"][source.source.name] = hash.hex_digest();
  }
  if (line.device != "cpu") json["device"] = line.device;
  if (recipe.config.from) json["encoder_sha256"] = encoder_hashes(*recipe.config.from);
  if (recipe.config.distillation.teacher) json["teacher_sha256"] = encoder_hashes(*recipe.config.distillation.teacher);
  if (recipe.from.hub) json["encoder_hub"] = to_json(*recipe.from.hub);
  if (recipe.teacher.hub) json["teacher_hub"] = to_json(*recipe.teacher.hub);
  return json;
}

/// Throws where the work folder belongs to another pretraining, or to this one without --resume.
void check_work_folder(fs::path const& work, OrderedJson const& identity, CommandLine const& line) {
  auto const path = work / "config.json";
  if (!fs::exists(path)) return;
  auto const before = parse_json(read_file(path), path.string()).value();
  if (auto const keys = differing_keys(before, Json::parse(identity.dump())); !keys.empty())
    throw Error(ErrorCode::Conflict,
                fmt::format("{}: was started with other settings or texts; differing:{}; put them back, or remove the "
                            "folder",
                            work.string(), keys));
  if (!line.resume)
    throw Error(ErrorCode::Conflict, fmt::format("{}: is not complete; continue it with `{}`, or remove the folder",
                                                 work.string(), resume_pretraining(line)));
}

std::optional<train::Teacher> teacher_of(train::PretrainConfig const& config, int n_threads) {
  auto const& folder = config.distillation.teacher;
  if (!folder) return std::nullopt;
  auto const n_layers = model::read_encoder_config(*folder).num_hidden_layers;
  auto const precision = config.precision == "bf16" ? kernels::Precision::BFloat16 : kernels::Precision::Float32;
  return train::Teacher{
      .vectors = mean_vectors(*folder, static_cast<std::size_t>(config.distillation.max_length),
                              {.n_workers = n_threads, .precision = precision}),
      .states = [=](std::int64_t n_top) { return frozen_layers(*folder, n_layers - n_top, n_threads); }};
}

void check_files(PretrainRecipe const& recipe) {
  for (auto const& source : recipe.sources)
    for (auto const& file : source.files)
      if (!fs::is_regular_file(file))
        throw Error(ErrorCode::NotFound,
                    fmt::format("{}: there is no such file; the texts {} name it", file.string(), quote(source.name)));
}

}  // namespace

std::vector<train::Probe> probes_of(data::Corpus const& corpus, std::size_t most_rows) {
  std::vector<train::Probe> probes;
  for (auto const& stream : corpus.streams) {
    if (stream.text.size() != 1) continue;
    for (std::size_t position = 0; position < stream.tasks.size(); ++position) {
      auto const task = stream.tasks[position];
      if (corpus.tasks[task].type != task::TaskType::Classification) continue;
      train::Probe probe{.task = corpus.tasks[task], .labels = corpus.label_sets[task]};
      if (probe.task.metric.empty()) probe.task.metric = task::default_metric(probe.task.type);
      auto const add = [&](data::Split split, std::vector<std::string>& texts, std::vector<task::Label>& gold) {
        for (auto const& example : stream.of(split)) {
          if (!task::is_labelled(example.labels[position]) || gold.size() == most_rows) continue;
          texts.push_back(example.texts.front());
          gold.push_back(example.labels[position]);
        }
      };
      add(data::Split::Train, probe.train_texts, probe.train_gold);
      add(data::Split::Dev, probe.dev_texts, probe.dev_gold);
      if (!probe.train_texts.empty() && !probe.dev_texts.empty()) probes.push_back(std::move(probe));
    }
  }
  return probes;
}

PretrainRecipe recipe_of(CommandLine const& line, Project const* project) {
  PretrainRecipe recipe;
  auto const overrides = project != nullptr ? std::vector<std::string>() : line.overrides;
  NamedEncoders named;
  if (project != nullptr) named.from = project->encoder;
  if (!line.encoder.empty()) named.from = encoder_folder(line.encoder, line.encoder);
  if (!line.teacher.empty()) named.teacher = encoder_folder(line.teacher, line.teacher);
  if (!line.recipe.empty()) {
    fs::path const file = line.recipe;
    auto const folder = line.data != "." ? line.data : file.has_parent_path() ? file.parent_path() : fs::path(".");
    recipe = read_recipe(file, folder, overrides, named);
  } else {
    recipe = parse_recipe("", "the command line", ".", overrides, named);
  }
  if (project != nullptr && line.encoder.empty()) recipe.from.word = project->encoder_word;
  bool const teaches = recipe.config.distillation.teacher.has_value();
  for (auto const& file : line.texts) recipe.sources.push_back(source_of(file, recipe.sources.size() + 1, teaches));
  if (line.minutes > 0) recipe.config.minutes = line.minutes;
  return recipe;
}

std::string resume_pretraining(CommandLine const& line) {
  std::string command = "polytask pretrain";
  if (!line.recipe.empty()) command += fmt::format(" {}", shell_word(line.recipe));
  auto const add = [&](std::string const& option, std::string const& value) {
    command += fmt::format(" {} {}", option, shell_word(value));
  };
  if (line.adapt) command += " --adapt";
  if (line.project != "polytask.yaml") add("--project", line.project.string());
  for (auto const& file : line.texts) add("--texts", file);
  if (line.data != ".") add("--data", line.data.string());
  if (!line.encoder.empty()) add("--encoder", line.encoder);
  if (!line.teacher.empty()) add("--teacher", line.teacher);
  if (line.minutes > 0) add("--minutes", fmt::format("{}", line.minutes));
  if (line.adapt && line.n_seeds != 3) add("--seeds", std::to_string(line.n_seeds));
  for (auto const& value : line.overrides) add("--set", value);
  if (line.device != "cpu") add("--device", line.device);
  if (line.n_threads > 0) add("--threads", std::to_string(line.n_threads));
  add("--to", line.to);
  return command + " --resume";
}

fs::path new_encoder_folder(CommandLine const& line) {
  fs::path folder = line.to;
  if (!folder.has_filename()) folder = folder.parent_path();
  if (is_there(folder))
    throw Error(ErrorCode::Conflict,
                fmt::format("{}: is there already; choose another --to, or remove it", folder.string()));
  return folder;
}

train::PretrainResult run_pretraining(PretrainRecipe recipe, MoreTexts more, std::vector<train::Probe> probes,
                                      CommandLine const& line, fs::path const& work, fs::path const& encoder,
                                      std::stop_token const& stop) {
  auto const& config = recipe.config;
  recipe.config.precision = precision_of_run(config.precision, line.device, work / "config.json");
  if (auto const found = train::problems(config); !found.empty()) throw ProjectProblems(found);
  check_files(recipe);
  if (recipe.sources.empty() && more.empty())
    throw Error(ErrorCode::InvalidUsage,
                "there are no texts to learn from; name files with --texts FILE, or in a recipe");
  bool const teaches =
      std::any_of(recipe.sources.begin(), recipe.sources.end(), [](auto const& s) { return s.teach; }) ||
      std::any_of(more.begin(), more.end(), [](auto const& s) { return s.source.teach; });
  if (config.distillation.teacher && !teaches)
    throw Error(ErrorCode::InvalidUsage,
                "a teacher is named, and no texts that it may teach; set `teach: true` at those in its language");
  train::check_pretraining(config, line.device);
  auto teacher = teacher_of(config, n_threads_of(line));
  auto const identity = identity_of(recipe, more, line);
  make_folders(work);
  RunLock const lock(work);
  check_work_folder(work, identity, line);
  write_file_atomically(work / "config.json", identity.dump(1) + "\n");
  Progress progress;
  for (auto const& note : machine_notes(this_machine(config.precision), n_threads_of(line), 1)) progress.note(note);
  auto const answers = work.parent_path() / ".polytask-teacher";
  train::PretrainEvents const events{
      .on_note = [&](std::string const& sentence) { progress.note(sentence); },
      .on_teaching = [&](std::size_t n_done, std::size_t n_missing) { progress.show_teaching(n_done, n_missing); },
      .on_plan = [&](train::PretrainPlan const& plan) { progress.show(plan); },
      .on_step = [&](train::PretrainStep const& record) { progress.show(record); },
      .on_evaluation = [&](train::PretrainEvaluation const& record) { progress.show(record); },
  };
  try {
    std::vector<train::LanguageSource> sources;
    data::SeenTexts seen;
    for (auto const& source : recipe.sources) {
      progress.note(fmt::format("reading the texts {}", quote(source.name)));
      sources.push_back({source, data::read_language_texts(source, seen)});
    }
    for (auto& source : more) sources.push_back(std::move(source));
    auto result = train::pretrain(std::move(sources), config,
                                  {.work_folder = work,
                                   .encoder = encoder,
                                   .answers_folder = answers,
                                   .n_threads = n_threads_of(line),
                                   .device = line.device,
                                   .resume = line.resume,
                                   .probes = std::move(probes),
                                   .teacher = std::move(teacher)},
                                  events, stop);
    progress.finish();
    return result;
  } catch (Error const& error) {
    progress.finish();
    if (error.code() == ErrorCode::Interrupted)
      throw Error(ErrorCode::Interrupted,
                  fmt::format("{}; continue with `{}`", error.what(), resume_pretraining(line)));
    std::error_code ignored;
    // Nothing was learnt yet: what is put right would look like another pretraining.
    if (!fs::exists(work / "checkpoints") && error.code() != ErrorCode::Conflict) fs::remove_all(work, ignored);
    throw;
  }
}

void print_evaluations(std::vector<train::PretrainEvaluation> const& evaluations) {
  if (evaluations.empty()) return;
  std::string head = fmt::format("\n{:>8} {:>12}", "step", "perplexity");
  for (auto const& [name, value] : evaluations.front().source_perplexity) head += fmt::format("  {:>14.14}", name);
  for (auto const& [name, value] : evaluations.front().probes) head += fmt::format("  {:>14.14}", name);
  std::cout << head << '\n';
  for (auto const& evaluation : evaluations) {
    std::cout << fmt::format("{:>8} {:>12.1f}", evaluation.step, evaluation.perplexity);
    for (auto const& [name, value] : evaluation.source_perplexity) std::cout << fmt::format("  {:>14.1f}", value);
    for (auto const& [name, value] : evaluation.probes) std::cout << fmt::format("  {:>14.3f}", value);
    std::cout << '\n';
  }
  std::cout << "perplexity: of hidden words of held-out texts";
  if (!evaluations.front().probes.empty()) std::cout << "; then the metric on dev of a line through the mean states";
  std::cout << '\n';
}

OrderedJson to_json(train::PretrainResult const& result) {
  OrderedJson json;
  json["steps"] = result.n_steps;
  json["resumed_from_step"] = result.resumed_from_step;
  json["tokens"] = result.n_tokens;
  json["parameters"] = result.n_parameters;
  json["seconds"] = result.seconds;
  json["tokens_per_second"] = result.tokens_per_second;
  json["evaluations"] = OrderedJson::array();
  for (auto const& evaluation : result.evaluations)
    json["evaluations"].push_back({{"step", evaluation.step},
                                   {"perplexity", evaluation.perplexity},
                                   {"source_perplexity", evaluation.source_perplexity},
                                   {"probes", evaluation.probes}});
  return json;
}

int pretrain(CommandLine const& line) {
  if (line.adapt) return adapt(line);
  StopOnSignal stop;
  auto recipe = recipe_of(line);
  auto const folder = new_encoder_folder(line);
  check_files(recipe);
  recipe = with_encoders(std::move(recipe), [&] {
    stop.may_save();  // a download goes on where it stopped
    return stop.token();
  });
  std::vector<train::Probe> probes;
  for (auto const& file : recipe.probes) {
    auto const project = read_project(file, {});
    for (auto& probe : probes_of(data::load_corpus(project.datasets, project.tasks, project.seed)))
      probes.push_back(std::move(probe));
  }
  auto const work = fs::path(folder.string() + ".unfinished");
  stop.may_save();
  auto const result = run_pretraining(recipe, {}, std::move(probes), line, work, folder, stop.token());
  std::error_code ignored;
  fs::rename(work / "metrics.jsonl", folder / "metrics.jsonl", ignored);
  fs::rename(work / "config.json", folder / "recipe.json", ignored);
  fs::remove_all(work, ignored);
  auto json = to_json(result);
  json["encoder"] = folder.string();
  if (line.output == Output::Json) {
    std::cout << json.dump(1) << '\n';
    return 0;
  }
  print_evaluations(result.evaluations);
  std::cout << fmt::format("\n{}: {} steps, {:.1f} million tokens in {}, {:.0f} tokens/s\nuse it: encoder: {}\n",
                           folder.string(), result.n_steps, static_cast<double>(result.n_tokens) / 1e6,
                           duration_text(result.seconds), result.tokens_per_second, folder.string());
  return 0;
}

}  // namespace polytask::cli
