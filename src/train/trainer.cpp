#include "train/trainer.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "model/encoder_files.h"
#include "train/checkpoint.h"
#include "train/internal/device.h"
#include "train/internal/metrics_file.h"
#include "train/internal/prepared.h"
#include "train/internal/session.h"
#include "train/internal/stopwatch.h"
#include "train/internal/torch_errors.h"
#include "train/layer_choice.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;

OrderedJson line_of(StepRecord const& record) {
  OrderedJson json;
  json["step"] = record.step;
  json["loss"] = record.loss;
  json["task_loss"] = record.task_loss;
  json["learning_rate"] = record.learning_rate;
  json["grad_norm"] = record.grad_norm;
  json["tokens"] = record.n_tokens;
  json["seconds"] = record.seconds;
  return json;
}

OrderedJson line_of(EvaluationRecord const& record) {
  OrderedJson json;
  json["step"] = record.step;
  json["dev"] = record.dev;
  json["selection"] = record.selection;
  json["is_best"] = record.is_best;
  if (!record.perplexity.empty()) json["perplexity"] = record.perplexity;
  if (!record.stopped.empty()) json["stopped"] = record.stopped;
  return json;
}

/// The steps after which dev is evaluated; the last step is always one.
std::set<std::int64_t> evaluation_steps(TrainConfig const& config, std::int64_t n_steps) {
  std::set<std::int64_t> steps;
  auto const n =
      std::clamp<std::int64_t>(std::llround(config.epochs.value() * config.evaluations_per_epoch), 1, n_steps);
  for (std::int64_t i = 1; i <= n; ++i)
    steps.insert(std::max<std::int64_t>(
        1, std::llround(static_cast<double>(n_steps) * static_cast<double>(i) / static_cast<double>(n))));
  steps.insert(n_steps);
  return steps;
}

double selection_weight(SelectionConfig const& config, std::string const& task) {
  auto const found = config.weights.find(task);
  return config.rule == SelectionRule::Mean || found == config.weights.end() ? 1.0 : found->second;
}

void check_selection(SelectionConfig const& config, std::vector<task::TaskSpec> const& tasks) {
  if (std::none_of(tasks.begin(), tasks.end(),
                   [&](auto const& task) { return selection_weight(config, task.name) > 0; }))
    throw Error(
        ErrorCode::InvalidUsage,
        "train.selection.weights: every task has the weight 0, so no checkpoint can be chosen; give one of them more");
}

/// What the selection rule makes of the tasks' dev scores; nothing when no task with a weight has one. An undefined
/// score (NaN) counts as 0.
std::optional<double> selection_score(SelectionConfig const& config, std::map<std::string, double> const& dev) {
  double sum = 0;
  double weights = 0;
  for (auto const& [task, score] : dev) {
    double const weight = selection_weight(config, task);
    sum += weight * (std::isfinite(score) ? score : 0.0);
    weights += weight;
  }
  return weights > 0 ? std::optional(sum / weights) : std::nullopt;
}

/// What one dev row more or less makes in the score of each task that has some.
std::map<std::string, double> one_dev_row(data::Corpus const& corpus) {
  std::map<std::string, std::int64_t> n_rows;
  for (auto const& stream : corpus.streams)
    for (auto const& example : stream.of(data::Split::Dev))
      for (std::size_t i = 0; i < stream.tasks.size(); ++i)
        n_rows[corpus.tasks[stream.tasks[i]].name] += task::is_labelled(example.labels[i]) ? 1 : 0;
  std::map<std::string, double> one;
  for (auto const& [task, n] : n_rows)
    if (n > 0) one[task] = 1.0 / static_cast<double>(n);
  return one;
}

/// Of the loop without its dev evaluations.
double training_seconds(TrainState const& state) { return state.seconds - state.evaluation_seconds; }

/// The loop's own state that a checkpoint need not hold.
class Run {
 public:
  Run(Session& session, data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options,
      TrainEvents const& events, std::stop_token stop)
      : session_(session),
        config_(config),
        one_dev_row_(one_dev_row(corpus)),
        one_row_in_selection_(selection_score(config.selection, one_dev_row_).value_or(0.0)),
        events_(events),
        processes_(options.processes),
        stop_(std::move(stop)),
        checkpoints_(options.run_folder / "checkpoints"),
        best_(options.run_folder / "checkpoints" / "best"),
        metrics_(options.run_folder / "metrics.jsonl", "dev", session.state().step,
                 session.state().last_evaluated_step),
        evaluation_steps_(evaluation_steps(config, session.n_steps())),
        seconds_before_(session.state().seconds) {}

  /// True when early stopping ended it before the last step.
  bool go(double seconds_per_token) {
    auto& state = session_.state();
    seconds_per_token_ = seconds_per_token;
    while (true) {
      if (evaluation_steps_.contains(state.step) && state.last_evaluated_step < state.step) evaluate();
      if (stop_.stop_requested()) {
        save();
        throw Error(ErrorCode::Interrupted,
                    fmt::format("stopped after step {} of {}; everything is saved", state.step, session_.n_steps()));
      }
      if (state.step >= session_.n_steps()) return false;
      if (config_.early_stopping_patience > 0 && state.n_evaluations_without_better >= config_.early_stopping_patience)
        return true;
      if (!session_.any_learns()) return true;
      step();
    }
  }

 private:
  void step() {
    auto& state = session_.state();
    auto record = step_together();
    update_seconds();
    record.seconds = state.seconds;
    record.seconds_left = seconds_left();
    metrics_.add(line_of(record));
    if (events_.on_step) events_.on_step(record);
    for (auto const& problem : session_.take_problems())
      if (events_.on_note) events_.on_note(problem);
    bool const due = config_.checkpoint_steps > 0 ? state.step % config_.checkpoint_steps == 0
                                                  : since_checkpoint_.seconds() > kSecondsBetweenCheckpoints;
    if (due && state.step < session_.n_steps()) save();
  }

  StepRecord step_together() {
    if (processes_ == nullptr) return session_.step();
    try {
      processes_->tell(Next::Step);
      return session_.step();
    } catch (Error const& error) {
      if (error.code() != ErrorCode::Interrupted) throw;
      save();
      throw Error(ErrorCode::Interrupted, fmt::format("after step {} of {}: {}; everything is saved",
                                                      session_.state().step, session_.n_steps(), error.what()));
    }
  }

  void evaluate() {
    auto& state = session_.state();
    Stopwatch const watch;
    auto const should_stop = [this] { return stop_.stop_requested(); };
    auto const scores = session_.evaluate(should_stop);
    auto perplexity = scores ? session_.perplexity(should_stop) : std::nullopt;
    if (!perplexity) {  // stopped half way: evaluated again after the resume
      state.evaluation_seconds += watch.seconds();
      return;
    }
    auto const selection = selection_score(config_.selection, *scores);
    EvaluationRecord record{
        .step = state.step, .dev = *scores, .selection = selection.value_or(0.0), .perplexity = std::move(*perplexity)};
    // Without such dev rows there is nothing to choose by: the last evaluation wins. So it does among those that one
    // row sets apart: few dev rows are soon as right as they will be, while the model still learns.
    bool const is_better = !selection || !state.best_selection || record.selection > *state.best_selection;
    record.is_best = is_better || *selection >= *state.best_selection - one_row_in_selection_;
    state.n_evaluations_without_better = is_better ? 0 : state.n_evaluations_without_better + 1;
    if (is_better) state.best_selection = selection;
    if (record.is_best) {
      state.kept_selection = selection;
      session_.save_weights(best_);
      state.best_step = state.step;
    }
    state.last_evaluated_step = state.step;
    if (config_.task_stopping_patience > 0) record.stopped = stopped_now(*scores);
    n_tokens_at_evaluation_ = state.n_tokens;
    n_passed_over_at_evaluation_ = state.n_tokens_passed_over;
    evaluation_seconds_ = watch.seconds();
    state.evaluation_seconds += evaluation_seconds_;
    update_seconds();
    metrics_.add(line_of(record));
    if (events_.on_evaluation) events_.on_evaluation(record);
  }

  /// Takes note of the tasks' scores, and keeps what those that learn apart have learned.
  std::vector<std::string> stopped_now(std::map<std::string, double> const& scores) {
    auto& state = session_.state();
    std::vector<std::string> stopped;
    auto const& heads = session_.prepared().spec.heads;
    for (std::size_t i = 0; i < heads.size(); ++i) {
      auto const score = scores.find(heads[i].task.name);
      if (score == scores.end()) continue;
      auto& progress = state.tasks[score->first];
      if (progress.has_stopped()) continue;
      bool const is_kept = note_score(progress, score->second, state.step, one_dev_row_.at(score->first),
                                      config_.task_stopping_patience);
      if (is_kept && session_.learns_apart(i)) session_.save_task(best_, i);
      if (!progress.has_stopped()) continue;
      if (session_.learns_apart(i)) session_.load_task(best_, i);
      stopped.push_back(score->first);
    }
    return stopped;
  }

  void save() {
    update_seconds();
    save_checkpoint(checkpoints_, session_.checkpoint());
    since_checkpoint_ = Stopwatch();
    if (events_.on_checkpoint) events_.on_checkpoint(session_.state().step);
  }

  void update_seconds() { session_.state().seconds = seconds_before_ + watch_.seconds(); }

  double seconds_left() {
    auto const& state = session_.state();
    // The measured speed of this run, once there are enough steps to trust it.
    if (state.n_tokens > 0 && state.step > 5)
      seconds_per_token_ = training_seconds(state) / static_cast<double>(state.n_tokens);
    auto const evaluations_left = std::count_if(evaluation_steps_.begin(), evaluation_steps_.end(),
                                                [&](auto s) { return s > state.last_evaluated_step; });
    double const evaluation = evaluation_seconds_ > 0
                                  ? evaluation_seconds_
                                  : seconds_per_token_ * static_cast<double>(session_.n_dev_tokens()) / 3;
    auto const n_tokens_left = session_.n_train_tokens() - state.n_tokens - state.n_tokens_passed_over;
    return seconds_per_token_ * static_cast<double>(n_tokens_left) * learned_share() +
           evaluation * static_cast<double>(evaluations_left);
  }

  /// Of the tokens that are drawn, those that pass the encoder since the last evaluation.
  double learned_share() {
    auto const& state = session_.state();
    auto const n_learned = static_cast<double>(state.n_tokens - n_tokens_at_evaluation_);
    auto const n_passed_over = static_cast<double>(state.n_tokens_passed_over - n_passed_over_at_evaluation_);
    return n_learned + n_passed_over > 0 ? n_learned / (n_learned + n_passed_over) : 1.0;
  }

  Session& session_;
  TrainConfig const& config_;
  std::map<std::string, double> one_dev_row_;  // by task
  double one_row_in_selection_;
  TrainEvents const& events_;
  ProcessGroup* processes_;
  std::stop_token stop_;
  fs::path checkpoints_;
  fs::path best_;
  MetricsFile metrics_;
  std::set<std::int64_t> evaluation_steps_;
  double seconds_before_;
  Stopwatch watch_;
  Stopwatch since_checkpoint_;
  double seconds_per_token_ = 0;
  double evaluation_seconds_ = 0;  // of the last one
  std::int64_t n_tokens_at_evaluation_ = 0;
  std::int64_t n_passed_over_at_evaluation_ = 0;
};

Plan plan_of(Session& session, data::Corpus const& corpus, TrainConfig const& config, double seconds_per_token) {
  auto const totals = session.rest_of_run();
  Plan plan{.n_steps = session.n_steps(),
            .first_step = session.state().step,
            .n_parameters = session.n_parameters(),
            .truncated_texts = session.prepared().truncated_texts,
            .unlabelled_rows = session.prepared().unlabelled_rows};
  for (std::size_t i = 0; i < session.prepared().streams.size(); ++i) {
    plan.n_rows += totals.rows_by_stream[i];
    plan.rows_per_dataset[corpus.streams[session.prepared().streams[i].corpus_index].dataset] +=
        totals.rows_by_stream[i];
  }
  plan.tokens_per_step =
      static_cast<double>(totals.n_tokens) / static_cast<double>(std::max<std::int64_t>(1, totals.n_batches));
  auto const n_evaluations = static_cast<double>(evaluation_steps(config, session.n_steps()).size());
  // A forward pass costs a third of a step with its backward.
  plan.estimated_seconds = seconds_per_token * (static_cast<double>(totals.n_tokens) +
                                                n_evaluations * static_cast<double>(session.n_dev_tokens()) / 3);
  return plan;
}

/// The selected checkpoint; of tasks that learn apart and stop one by one, each as it was best.
void load_best(Session& session, fs::path const& folder) {
  session.load_weights(folder);
  auto const& heads = session.prepared().spec.heads;
  for (std::size_t i = 0; i < heads.size(); ++i)
    if (session.state().tasks.contains(heads[i].task.name) && session.learns_apart(i)) session.load_task(folder, i);
}

std::map<std::string, std::int64_t> stopped_tasks(TrainState const& state) {
  std::map<std::string, std::int64_t> stopped;
  for (auto const& [task, progress] : state.tasks)
    if (progress.has_stopped()) stopped[task] = progress.stopped_step;
  return stopped;
}

}  // namespace

TrainConfig effective(TrainConfig const& config, data::Corpus const& corpus, std::optional<fs::path> const& encoder) {
  return effective(config, corpus, encoder ? model::read_encoder_config(*encoder) : scratch_encoder(config));
}

TrainResult train(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options,
                  TrainEvents const& events, std::stop_token stop) {
  check_selection(config.selection, corpus.tasks);
  expects(config.hidden_words.empty() || options.processes == nullptr, "hidden words are learnt in one process");
  if (config.chooses_private_layers) return train_with_chosen_layers(corpus, config, options, events, stop);
  use_threads(options.n_threads);
  return translated("training", [&]() -> TrainResult {
    Session session(corpus, config, options, events, stop);
    std::int64_t resumed_from = 0;
    if (options.resume) {
      if (auto const checkpoint = load_latest_checkpoint(options.run_folder / "checkpoints")) {
        session.restore(*checkpoint);
        resumed_from = checkpoint->state.step;
      }
    }
    if (options.processes != nullptr) {
      options.processes->tell(Next::Begin);
      session.share_state();
    }
    double const seconds_per_token =
        session.seconds_per_token() / (options.processes != nullptr ? options.processes->size() : 1);
    if (events.on_plan) events.on_plan(plan_of(session, corpus, config, seconds_per_token));
    bool const stopped_early = Run(session, corpus, config, options, events, stop).go(seconds_per_token);
    if (options.processes != nullptr) options.processes->tell(Next::End);
    load_best(session, options.run_folder / "checkpoints" / "best");
    auto calibrations = session.calibrate(stop);
    session.save_model(options.run_folder / "model");
    auto const& state = session.state();
    return {.n_steps = state.step,
            .best_step = state.best_step,
            .resumed_from_step = resumed_from,
            .seconds = state.seconds,
            .tokens_per_second =
                training_seconds(state) > 0 ? static_cast<double>(state.n_tokens) / training_seconds(state) : 0.0,
            .examples_drawn = state.examples_drawn,
            .n_parameters = session.n_parameters(),
            .stopped_early = stopped_early,
            .stopped_tasks = stopped_tasks(state),
            .selection = state.kept_selection,
            .calibrations = std::move(calibrations)};
  });
}

void follow(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options, std::stop_token stop) {
  auto& processes = *options.processes;
  if (config.chooses_private_layers) return;  // the leader refuses it
  use_threads(options.n_threads);
  translated("training", [&] {
    Session session(corpus, config, options, {}, stop);
    if (processes.hear() != Next::Begin) return;
    session.share_state();
    while (processes.hear() == Next::Step) (void)session.step();
  });
}

}  // namespace polytask::train
