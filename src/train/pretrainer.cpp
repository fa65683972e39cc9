#include "train/pretrainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "train/checkpoint.h"
#include "train/internal/device.h"
#include "train/internal/metrics_file.h"
#include "train/internal/pretrained_files.h"
#include "train/internal/pretraining_session.h"
#include "train/internal/stopwatch.h"
#include "train/internal/torch_errors.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;

OrderedJson line_of(PretrainStep const& record) {
  OrderedJson json;
  json["step"] = record.step;
  json["loss"] = record.loss;
  json["parts"] = record.parts;
  json["learning_rate"] = record.learning_rate;
  json["grad_norm"] = record.grad_norm;
  json["tokens"] = record.n_tokens;
  json["seconds"] = record.seconds;
  return json;
}

OrderedJson line_of(PretrainEvaluation const& record) {
  OrderedJson json;
  json["step"] = record.step;
  json["perplexity"] = record.perplexity;
  json["source_perplexity"] = record.source_perplexity;
  json["probes"] = record.probes;
  return json;
}

/// The evaluations of the whole run, earlier parts included.
std::vector<PretrainEvaluation> evaluations_in(fs::path const& metrics) {
  std::vector<PretrainEvaluation> evaluations;
  auto const text = read_file(metrics);
  for (std::size_t begin = 0; begin < text.size();) {
    auto const end = std::min(text.find('\n', begin), text.size());
    auto const json = Json::parse(text.substr(begin, end - begin), nullptr, false);
    begin = end + 1;
    if (!json.is_object() || !json.contains("perplexity")) continue;
    evaluations.push_back({.step = json.at("step"),
                           .perplexity = json.at("perplexity"),
                           .source_perplexity = json.at("source_perplexity").get<std::map<std::string, double>>(),
                           .probes = json.at("probes").get<std::map<std::string, double>>()});
  }
  return evaluations;
}

/// Before the first step, evenly between, and after the last.
std::set<std::int64_t> evaluation_steps(std::int64_t n, std::int64_t n_steps) {
  std::set<std::int64_t> steps{0, n_steps};
  for (std::int64_t i = 1; i < n; ++i)
    steps.insert(std::llround(static_cast<double>(n_steps) * static_cast<double>(i) / static_cast<double>(n)));
  return steps;
}

/// Of the loop without its evaluations.
double training_seconds(TrainState const& state) { return state.seconds - state.evaluation_seconds; }

class PretrainingRun {
 public:
  PretrainingRun(PretrainingSession& session, PretrainConfig const& config, PretrainOptions const& options,
                 PretrainEvents const& events, std::stop_token stop, double seconds_per_token)
      : session_(session),
        events_(events),
        stop_(std::move(stop)),
        checkpoints_(options.work_folder / "checkpoints"),
        metrics_(options.work_folder / "metrics.jsonl", "perplexity", session.state().step,
                 session.state().step == 0 ? -1 : session.state().last_evaluated_step),
        evaluation_steps_(evaluation_steps(config.evaluations, session.n_steps())),
        seconds_before_(session.state().seconds),
        seconds_per_token_(seconds_per_token),
        is_evaluated_(session.state().step > 0 && session.state().last_evaluated_step == session.state().step) {}

  void go() {
    auto& state = session_.state();
    while (true) {
      if (evaluation_steps_.contains(state.step) && !is_evaluated_) evaluate();
      if (stop_.stop_requested()) {
        if (state.step > 0) save();
        throw Error(ErrorCode::Interrupted,
                    fmt::format("stopped after step {} of {}; everything is saved", state.step, session_.n_steps()));
      }
      if (state.step >= session_.n_steps()) return;
      step();
    }
  }

 private:
  void step() {
    auto& state = session_.state();
    auto record = session_.step();
    is_evaluated_ = false;
    update_seconds();
    record.seconds = state.seconds;
    record.seconds_left = seconds_left();
    metrics_.add(line_of(record));
    if (events_.on_step) events_.on_step(record);
    if (since_checkpoint_.seconds() > kSecondsBetweenCheckpoints && state.step < session_.n_steps()) save();
  }

  void evaluate() {
    auto& state = session_.state();
    Stopwatch const watch;
    auto const record = session_.evaluate([this] { return stop_.stop_requested(); });
    evaluation_seconds_ = watch.seconds();
    state.evaluation_seconds += evaluation_seconds_;
    if (!record) return;  // stopped half way: evaluated again after the resume
    is_evaluated_ = true;
    state.last_evaluated_step = state.step;
    update_seconds();
    metrics_.add(line_of(*record));
    if (events_.on_evaluation) events_.on_evaluation(*record);
  }

  void save() {
    update_seconds();
    save_checkpoint(checkpoints_, session_.checkpoint());
    since_checkpoint_ = Stopwatch();
  }

  void update_seconds() { session_.state().seconds = seconds_before_ + watch_.seconds(); }

  double seconds_left() {
    auto const& state = session_.state();
    if (state.step > 5) seconds_per_token_ = training_seconds(state) / static_cast<double>(state.n_tokens);
    auto const evaluations_left = std::count_if(evaluation_steps_.begin(), evaluation_steps_.end(),
                                                [&](auto s) { return s > state.last_evaluated_step; });
    return seconds_per_token_ * static_cast<double>(session_.n_train_tokens() - state.n_tokens) +
           evaluation_seconds_ * static_cast<double>(evaluations_left);
  }

  PretrainingSession& session_;
  PretrainEvents const& events_;
  std::stop_token stop_;
  fs::path checkpoints_;
  MetricsFile metrics_;
  std::set<std::int64_t> evaluation_steps_;
  double seconds_before_;
  double seconds_per_token_;
  bool is_evaluated_;
  Stopwatch watch_;
  Stopwatch since_checkpoint_;
  double evaluation_seconds_ = 0;  // of the last one
};

/// How many sequences are drawn: as the work folder has it, or decided now and written there.
std::int64_t decide_rows(PretrainingSession& session, PretrainConfig const& config, PretrainOptions const& options,
                         double seconds_per_token) {
  auto const path = options.work_folder / "plan.json";
  if (options.resume && fs::exists(path)) {
    auto const json = parse_json(read_file(path, 1 << 16), path.string()).value();
    if (json.is_object() && json.contains("sequences") && json["sequences"].is_number_integer() &&
        json["sequences"].get<std::int64_t>() >= 1)
      return json["sequences"].get<std::int64_t>();
    throw Error(
        ErrorCode::Corrupt,
        fmt::format("{}: does not say how many sequences are drawn; remove the folder and start anew", path.string()));
  }
  auto const& texts = session.texts();
  double tokens = config.epochs * texts.n_train_tokens();
  if (config.minutes > 0) tokens = 60 * config.minutes / seconds_per_token;
  auto const n_rows = std::max<std::int64_t>(1, std::llround(tokens / texts.mean_tokens_per_row()));
  write_file_atomically(path, OrderedJson{{"sequences", n_rows}}.dump() + "\n");
  return n_rows;
}

PretrainPlan plan_of(PretrainingSession& session, PretrainConfig const& config, double seconds_per_token) {
  auto const& texts = session.texts();
  PretrainPlan plan{.vocab_size = texts.tokenizer->vocabulary_size(),
                    .unknown = texts.unknown,
                    .n_parameters = session.n_parameters(),
                    .n_steps = session.n_steps(),
                    .first_step = session.state().step};
  auto const shares = texts.shares();
  for (std::size_t i = 0; i < texts.sources.size(); ++i) {
    auto const& source = texts.sources[i];
    auto const n_words = static_cast<double>(std::max<std::size_t>(1, source.sequences.n_words));
    plan.sources.push_back({.name = source.source.name,
                            .n_sequences = source.train.size(),
                            .n_held_out = source.held_out.size(),
                            .n_repeated = source.sequences.n_repeated,
                            .n_tokens = source.sequences.ids.size(),
                            .tokens_per_word = static_cast<double>(source.sequences.ids.size()) / n_words,
                            .share = shares[i]});
  }
  auto const n_tokens = session.n_train_tokens();
  plan.tokens_per_step = static_cast<double>(n_tokens) / static_cast<double>(std::max<std::int64_t>(1, plan.n_steps));
  plan.estimated_seconds =
      seconds_per_token * (static_cast<double>(n_tokens - session.state().n_tokens) +
                           static_cast<double>((config.evaluations + 1) * session.n_evaluation_tokens()) / 3);
  return plan;
}

OrderedJson record_of(PretrainConfig const& config, PretrainingSession& session, PretrainResult const& result) {
  OrderedJson json;
  json["sources"] = OrderedJson::array();
  for (auto const& source : session.texts().sources) {
    OrderedJson of_source{{"name", source.source.name},
                          {"sequences", source.train.size()},
                          {"held_out", source.held_out.size()},
                          {"tokens", source.sequences.ids.size()}};
    if (!source.source.licence.empty()) of_source["licence"] = source.source.licence;
    json["sources"].push_back(std::move(of_source));
  }
  json["vocabulary"] = session.texts().tokenizer->vocabulary_size();
  json["parameters"] = result.n_parameters;
  json["steps"] = result.n_steps;
  json["tokens"] = result.n_tokens;
  json["seconds"] = std::round(result.seconds);
  json["stored"] = config.stored;
  if (config.from) json["from"] = config.from->filename().string();
  if (config.distillation.teacher) json["teacher"] = config.distillation.teacher->filename().string();
  json["evaluations"] = OrderedJson::array();
  for (auto const& evaluation : result.evaluations) json["evaluations"].push_back(line_of(evaluation));
  return json;
}

}  // namespace

void check_pretraining(PretrainConfig const& config, std::string const& device) {
  (void)products_of(config.precision, device_of(device));
  if (config.from) (void)continued_config(config);
}

PretrainResult pretrain(std::vector<LanguageSource> sources, PretrainConfig const& config,
                        PretrainOptions const& options, PretrainEvents const& events, std::stop_token stop) {
  expects(problems(config).empty() && config.distillation.teacher.has_value() == options.teacher.has_value(),
          "the configuration was checked, and its teacher is there");
  use_threads(options.n_threads);
  return translated("pretraining", [&]() -> PretrainResult {
    PretrainingSession session(prepare_texts(std::move(sources), config, options, events, stop), config, options, stop);
    double const seconds_per_token = session.seconds_per_token();
    session.plan(decide_rows(session, config, options, seconds_per_token));
    session.prepare_lessons(events, stop);
    std::int64_t resumed_from = 0;
    if (options.resume) {
      if (auto const checkpoint = load_latest_checkpoint(options.work_folder / "checkpoints")) {
        session.restore(*checkpoint);
        resumed_from = checkpoint->state.step;
      }
    }
    if (events.on_plan) events.on_plan(plan_of(session, config, seconds_per_token));
    PretrainingRun(session, config, options, events, stop, seconds_per_token).go();
    auto const& state = session.state();
    PretrainResult result{.n_steps = state.step,
                          .resumed_from_step = resumed_from,
                          .n_tokens = state.n_tokens,
                          .n_parameters = session.n_parameters(),
                          .seconds = state.seconds,
                          .tokens_per_second = training_seconds(state) > 0
                                                   ? static_cast<double>(state.n_tokens) / training_seconds(state)
                                                   : 0.0,
                          .evaluations = evaluations_in(options.work_folder / "metrics.jsonl")};
    session.save_encoder(options.encoder, record_of(config, session, result).dump(1) + "\n");
    return result;
  });
}

}  // namespace polytask::train
