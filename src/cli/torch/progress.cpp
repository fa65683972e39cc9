#include "cli/torch/progress.h"

#include <fmt/format.h>

namespace polytask::cli {

void Progress::note(std::string const& sentence) { line_.print("note: " + sentence); }

void Progress::show(train::Plan const& plan) {
  n_steps_ = plan.n_steps;
  losses_.clear();
  line_.print(fmt::format("{} steps of about {:.0f} tokens over {} rows, {:.1f} million parameters; about {}",
                          plan.n_steps - plan.first_step, plan.tokens_per_step, plan.n_rows,
                          static_cast<double>(plan.n_parameters) / 1e6, duration_text(plan.estimated_seconds)));
  for (auto const& [dataset, n_rows] : plan.rows_per_dataset)
    line_.print(fmt::format("  {}: {} rows will be drawn", dataset, n_rows));
  for (auto const& [dataset, n] : plan.truncated_texts)
    line_.print(fmt::format("  {}: {} training texts are cut at train.max_length", dataset, n));
  for (auto const& [dataset, n] : plan.unlabelled_rows)
    line_.print(fmt::format("  {}: {} training rows without a label of any task are never drawn", dataset, n));
}

void Progress::show(train::StepRecord const& record) {
  for (auto const& [task, loss] : record.task_loss) {
    auto const [found, is_new] = losses_.emplace(task, loss);
    if (!is_new) found->second += 0.1 * (loss - found->second);
  }
  if (!line_.is_due() && record.step != n_steps_) return;
  auto text = fmt::format("step {}/{}  {:.0f} tokens/s  {} left ", record.step, n_steps_,
                          record.seconds > 0 ? static_cast<double>(record.n_tokens) / record.seconds : 0.0,
                          duration_text(record.seconds_left));
  for (auto const& [task, loss] : losses_) text += fmt::format(" {} {:.3f}", task, loss);
  line_.show(text);
}

void Progress::show_preparing(std::size_t n_done, std::size_t n_rows) {
  if (n_rows < kManyRows) return;
  if (preparing_since_.time_since_epoch().count() == 0) preparing_since_ = std::chrono::steady_clock::now();
  std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - preparing_since_;
  if (n_done == n_rows)
    line_.print(fmt::format("tokens: {} rows in {}", n_rows, duration_text(seconds.count())));
  else if (line_.is_due())
    line_.show(fmt::format("tokens: {} of {} rows", n_done, n_rows));
}

void Progress::show_filling(std::size_t n_done, std::size_t n_missing) {
  if (line_.is_due()) line_.show(fmt::format("frozen layers: {} of {} texts", n_done, n_missing));
}

void Progress::show(data::FrozenStates::Filled const& filled) {
  line_.print(fmt::format("frozen layers: {} texts, {} of them new; {:.1f} MB are stored", filled.n_texts,
                          filled.n_computed, static_cast<double>(filled.disk_bytes) / 1e6));
  for (auto const& problem : filled.problems) note(problem);
  if (filled.n_removed_bytes > 0)
    note(fmt::format(
        "{:.1f} MB of states that were stored before are removed, to make room under train.frozen_states_gb",
        static_cast<double>(filled.n_removed_bytes) / 1e6));
  if (!filled.failure.empty()) note(fmt::format("states are not stored: {}", filled.failure));
  if (filled.n_not_stored > 0)
    note(fmt::format("{} texts {}; they pass the frozen layers in every step that draws them", filled.n_not_stored,
                     filled.failure.empty() ? "do not fit under train.frozen_states_gb" : "are not stored"));
}

void Progress::show(train::EvaluationRecord const& record) {
  std::string text = fmt::format("dev after step {}: ", record.step);
  for (auto const& [task, score] : record.dev) text += fmt::format(" {} {:.4f}", task, score);
  for (auto const& [task, value] : record.perplexity) text += fmt::format(" {} (perplexity) {:.1f}", task, value);
  line_.print(text + (record.is_best ? "  (best so far)" : ""));
  for (auto const& task : record.stopped) {
    line_.print(fmt::format("  {} learns no more: its score no longer rises", task));
    losses_.erase(task);
  }
}

void Progress::show(train::PretrainPlan const& plan) {
  n_steps_ = plan.n_steps;
  line_.print(
      fmt::format("{} steps of about {:.0f} tokens, {:.1f} million parameters, a vocabulary of {} ({:.2f} % of the "
                  "tokens unknown); about {}",
                  plan.n_steps - plan.first_step, plan.tokens_per_step, static_cast<double>(plan.n_parameters) / 1e6,
                  plan.vocab_size, 100 * plan.unknown, duration_text(plan.estimated_seconds)));
  for (auto const& source : plan.sources)
    line_.print(
        fmt::format("  {}: {} sequences, {:.2f} million tokens, {:.2f} a word; {} held out, {} repeated texts left "
                    "out; {:.0f} % of the sequences drawn",
                    source.name, source.n_sequences, static_cast<double>(source.n_tokens) / 1e6, source.tokens_per_word,
                    source.n_held_out, source.n_repeated, 100 * source.share));
}

void Progress::show_teaching(std::size_t n_done, std::size_t n_missing) {
  auto const now = std::chrono::steady_clock::now();
  if (teaching_since_.time_since_epoch().count() == 0) teaching_since_ = now, n_taught_before_ = n_done;
  if (!line_.is_due()) return;
  std::chrono::duration<double> const spent = now - teaching_since_;
  auto text = fmt::format("teacher: {} of {} texts", n_done, n_missing);
  if (n_done > n_taught_before_)
    text += fmt::format("  {} left", duration_text(spent.count() * static_cast<double>(n_missing - n_done) /
                                                   static_cast<double>(n_done - n_taught_before_)));
  line_.show(text);
}

void Progress::show(train::PretrainStep const& record) {
  for (auto const& [part, loss] : record.parts) {
    auto const [found, is_new] = losses_.emplace(part, loss);
    if (!is_new) found->second += 0.05 * (loss - found->second);
  }
  if (!line_.is_due() && record.step != n_steps_) return;
  auto text = fmt::format("step {}/{}  {:.0f} tokens/s  {} left ", record.step, n_steps_,
                          record.seconds > 0 ? static_cast<double>(record.n_tokens) / record.seconds : 0.0,
                          duration_text(record.seconds_left));
  for (auto const& [part, loss] : losses_) text += fmt::format(" {} {:.3f}", part, loss);
  line_.show(text);
}

void Progress::show(train::PretrainEvaluation const& record) {
  std::string text = fmt::format("after step {}: held-out perplexity {:.1f}", record.step, record.perplexity);
  if (record.source_perplexity.size() > 1) {
    text += " (";
    for (auto const& [source, perplexity] : record.source_perplexity)
      text += fmt::format("{}{} {:.1f}", text.back() == '(' ? "" : ", ", source, perplexity);
    text += ")";
  }
  for (auto const& [probe, score] : record.probes) text += fmt::format("  {} {:.3f}", probe, score);
  line_.print(text);
}

}  // namespace polytask::cli
