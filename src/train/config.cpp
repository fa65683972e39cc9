#include "train/config.h"

#include <fmt/format.h>

#include <cmath>

namespace polytask::train {
namespace {

class Rules {
 public:
  void require(bool holds, std::string_view key, std::string const& found, std::string_view expected) {
    if (holds) return;
    problems_.push_back({Severity::Error, "invalid-setting", fmt::format("train.{}", key), fmt::format("is {}; expected {}", found, expected)});
  }
  void share(double value, std::string_view key) { require(value >= 0 && value < 1, key, fmt::format("{}", value), "a number from 0 up to, not including, 1"); }
  void at_most(double value, double most, std::string_view key) { require(!(value > most), key, fmt::format("{}", value), fmt::format("at most {}", most)); }
  void positive(double value, std::string_view key) { require(std::isfinite(value) && value > 0, key, fmt::format("{}", value), "a number above 0"); }
  void at_least(std::int64_t value, std::int64_t least, std::string_view key) {
    require(value >= least, key, fmt::format("{}", value), fmt::format("a whole number of at least {}", least));
  }
  std::vector<Problem> take() { return std::move(problems_); }

 private:
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> problems(TrainConfig const& config) {
  Rules rules;
  rules.require(config.architecture == "shared", "architecture", quote(config.architecture), "\"shared\", the only architecture that is built so far");
  rules.require(config.precision == "f32", "precision", quote(config.precision), "\"f32\"; \"bf16\" is not built yet");
  rules.positive(config.epochs, "epochs");
  rules.positive(config.learning_rate, "learning_rate");
  rules.at_least(config.batch_tokens, 8, "batch_tokens");
  if (config.batch_size) rules.at_least(*config.batch_size, 1, "batch_size");
  rules.at_least(config.max_length, 8, "max_length");
  rules.require(std::isfinite(config.weight_decay) && config.weight_decay >= 0, "weight_decay", fmt::format("{}", config.weight_decay), "a number of at least 0");
  rules.require(config.warmup_ratio >= 0 && config.warmup_ratio <= 1, "warmup_ratio", fmt::format("{}", config.warmup_ratio), "a number from 0 to 1");
  rules.require(std::isfinite(config.max_grad_norm) && config.max_grad_norm >= 0, "max_grad_norm", fmt::format("{}", config.max_grad_norm), "a number of at least 0; 0 = no clipping");
  rules.share(config.label_smoothing, "label_smoothing");
  rules.share(config.head_dropout, "head_dropout");
  if (config.dropout) rules.share(*config.dropout, "dropout");
  rules.positive(config.evaluations_per_epoch, "evaluations_per_epoch");
  rules.at_least(config.early_stopping_patience, 0, "early_stopping_patience");
  rules.at_least(config.checkpoint_steps, 0, "checkpoint_steps");
  // Beyond these a mistyped number would only show as a machine that is busy or full.
  rules.at_most(config.epochs, 10'000, "epochs");
  rules.at_most(config.evaluations_per_epoch, 1'000, "evaluations_per_epoch");
  rules.at_most(static_cast<double>(config.batch_tokens), 1 << 22, "batch_tokens");
  if (config.batch_size) rules.at_most(static_cast<double>(*config.batch_size), 1 << 16, "batch_size");
  rules.at_most(static_cast<double>(config.max_length), 1 << 16, "max_length");

  auto const& sampling = config.sampling;
  rules.require(sampling.temperature >= 1 && std::isfinite(sampling.temperature), "sampling.temperature", fmt::format("{}", sampling.temperature), "a number of at least 1");
  rules.at_least(sampling.examples_cap, 1, "sampling.examples_cap");
  rules.require(sampling.type != SamplingType::Specified || !sampling.weights.empty(), "sampling.weights", "missing", "a weight per dataset or task, as sampling.type is \"specified\"");
  for (auto const& [name, weight] : sampling.weights) rules.positive(weight, "sampling.weights." + name);
  for (auto const& [name, weight] : config.selection.weights)
    rules.require(std::isfinite(weight) && weight >= 0, "selection.weights." + name, fmt::format("{}", weight), "a number of at least 0");

  auto const& scratch = config.scratch;
  rules.at_least(scratch.layers, 1, "scratch.layers");
  rules.at_least(scratch.heads, 1, "scratch.heads");
  rules.require(scratch.heads >= 1 && scratch.hidden_size >= 1 && scratch.hidden_size % scratch.heads == 0, "scratch.hidden_size",
                fmt::format("{}", scratch.hidden_size), fmt::format("a multiple of scratch.heads ({})", scratch.heads));
  rules.at_least(scratch.vocab_size, 100, "scratch.vocab_size");
  rules.at_most(static_cast<double>(scratch.layers), 100, "scratch.layers");
  rules.at_most(static_cast<double>(scratch.hidden_size), 1 << 14, "scratch.hidden_size");
  rules.at_most(static_cast<double>(scratch.vocab_size), 1 << 20, "scratch.vocab_size");
  return rules.take();
}

}  // namespace polytask::train
