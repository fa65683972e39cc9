#include "train/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace polytask::train {
namespace {

class Rules {
 public:
  bool require(bool holds, std::string_view key, std::string const& found, std::string_view expected) {
    if (!holds)
      problems_.push_back({Severity::Error, "invalid-setting", fmt::format("train.{}", key),
                           fmt::format("is {}; expected {}", found, expected)});
    return holds;
  }
  void share(double value, std::string_view key) {
    require(value >= 0 && value < 1, key, fmt::format("{}", value), "a number from 0 up to, not including, 1");
  }
  void positive(double value, std::string_view key) {
    require(std::isfinite(value) && value > 0, key, fmt::format("{}", value), "a number above 0");
  }
  void positive(double value, double most, std::string_view key) {
    require(value > 0 && value <= most, key, fmt::format("{}", value),
            fmt::format("a number above 0, at most {}", most));
  }
  void at_least(std::int64_t value, std::int64_t least, std::string_view key) {
    require(value >= least, key, fmt::format("{}", value), fmt::format("a whole number of at least {}", least));
  }
  /// Beyond `most` a slip would only show as a machine that is busy or full.
  bool between(std::int64_t value, std::int64_t least, std::int64_t most, std::string_view key) {
    return require(value >= least && value <= most, key, fmt::format("{}", value),
                   fmt::format("a whole number of at least {} and at most {}", least, most));
  }
  void add(std::string where, std::string message) {
    problems_.push_back({Severity::Error, "invalid-setting", std::move(where), std::move(message)});
  }
  std::vector<Problem> take() { return std::move(problems_); }

 private:
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> problems(TrainConfig const& config) {
  Rules rules;
  if (config.private_layers) {
    rules.at_least(*config.private_layers, 0, "private_layers");
    rules.require(config.architecture == Architecture::Split || *config.private_layers == 0, "private_layers",
                  fmt::format("{}", *config.private_layers),
                  "nothing or 0, as train.architecture is \"shared\"; take one of the two out");
  }
  for (auto const& [task, n_layers] : config.task_layers)
    if (n_layers < 1 || config.architecture == Architecture::Shared)
      rules.add(fmt::format("tasks.{}.private_layers", task),
                fmt::format("is {}; expected {}", n_layers,
                            n_layers < 1 ? "a whole number of at least 1, or nothing"
                                         : "nothing, as train.architecture is \"shared\"; take one of the two out"));
  if (config.chooses_private_layers) {
    rules.require(config.architecture == Architecture::Split, "private_layers", "auto",
                  "nothing or 0, as train.architecture is \"shared\"; take one of the two out");
    rules.require(config.frozen_layers > 0, "frozen_layers", fmt::format("{}", config.frozen_layers),
                  "at least 1, as train.private_layers is auto: no task gets layers of its own below the frozen ones");
  }
  rules.at_least(config.frozen_layers, 0, "frozen_layers");
  if (!config.hidden_words.empty() && (config.frozen_layers > 0 || config.chooses_private_layers))
    rules.add(fmt::format("tasks.{}.type", config.hidden_words.front().texts.name),
              "is mlm: hidden words teach all layers, so that none can stay frozen; take the task out, or "
              "train.frozen_layers and private_layers: auto");
  if (!config.hidden_words.empty() && config.task_stopping_patience > 0)
    rules.add(fmt::format("tasks.{}.type", config.hidden_words.front().texts.name),
              "is mlm: hidden words would go on moving the layers of tasks that have stopped; take the task out, or "
              "train.task_stopping_patience");
  for (auto const& task : config.hidden_words) {
    auto const check = [&](bool holds, std::string_view key, double found, std::string_view expected) {
      if (!holds)
        rules.add(fmt::format("tasks.{}.{}", task.texts.name, key), fmt::format("is {}; expected {}", found, expected));
    };
    check(std::isfinite(task.loss_weight) && task.loss_weight > 0, "loss_weight", task.loss_weight, "a number above 0");
    check(task.share > 0 && task.share <= 10, "share", task.share,
          "a number above 0, at most 10: the tokens of its texts beside each labelled one");
  }
  rules.require(
      std::isfinite(config.frozen_states_gb) && config.frozen_states_gb >= 0 && config.frozen_states_gb <= 1e6,
      "frozen_states_gb", fmt::format("{}", config.frozen_states_gb), "a number from 0 to 1000000");
  rules.require(config.precision == "f32" || config.precision == "bf16" || config.precision == "auto", "precision",
                quote(config.precision), "\"f32\", \"bf16\" or \"auto\"");
  if (config.epochs) rules.positive(*config.epochs, 10'000, "epochs");
  rules.positive(config.learning_rate, "learning_rate");
  rules.positive(config.head_learning_rate_factor, "head_learning_rate_factor");
  rules.require(config.layer_decay > 0 && config.layer_decay <= 1, "layer_decay", fmt::format("{}", config.layer_decay),
                "a number above 0 and at most 1");
  if (config.batch_tokens) rules.between(*config.batch_tokens, 8, 1 << 22, "batch_tokens");
  if (config.batch_size) rules.between(*config.batch_size, 1, 1 << 16, "batch_size");
  rules.between(config.max_length, 8, 1 << 16, "max_length");
  rules.require(std::isfinite(config.weight_decay) && config.weight_decay >= 0, "weight_decay",
                fmt::format("{}", config.weight_decay), "a number of at least 0");
  rules.require(config.warmup_ratio >= 0 && config.warmup_ratio <= 1, "warmup_ratio",
                fmt::format("{}", config.warmup_ratio), "a number from 0 to 1");
  rules.require(std::isfinite(config.max_grad_norm) && config.max_grad_norm >= 0, "max_grad_norm",
                fmt::format("{}", config.max_grad_norm), "a number of at least 0; 0 = no clipping");
  rules.share(config.label_smoothing, "label_smoothing");
  rules.share(config.head_dropout, "head_dropout");
  if (config.dropout) rules.share(*config.dropout, "dropout");
  rules.positive(config.evaluations_per_epoch, 1'000, "evaluations_per_epoch");
  rules.at_least(config.early_stopping_patience, 0, "early_stopping_patience");
  rules.at_least(config.task_stopping_patience, 0, "task_stopping_patience");
  rules.at_least(config.checkpoint_steps, 0, "checkpoint_steps");

  auto const& sampling = config.sampling;
  rules.require(sampling.temperature >= 1 && std::isfinite(sampling.temperature), "sampling.temperature",
                fmt::format("{}", sampling.temperature), "a number of at least 1");
  rules.at_least(sampling.examples_cap, 1, "sampling.examples_cap");
  rules.require(sampling.type != SamplingType::Specified || !sampling.weights.empty(), "sampling.weights", "missing",
                "a weight per dataset or task, as sampling.type is \"specified\"");
  for (auto const& [name, weight] : sampling.weights) rules.positive(weight, "sampling.weights." + name);
  for (auto const& [name, weight] : config.selection.weights)
    rules.require(std::isfinite(weight) && weight >= 0, "selection.weights." + name, fmt::format("{}", weight),
                  "a number of at least 0");

  auto const& scratch = config.scratch;
  constexpr std::int64_t kMostMillions = 1'000;  // of parameters
  bool const has_layers = rules.between(scratch.layers, 1, 100, "scratch.layers");
  bool const has_heads = rules.between(scratch.heads, 1, 1 << 10, "scratch.heads");
  bool const has_hidden = rules.between(scratch.hidden_size, 1, 1 << 14, "scratch.hidden_size");
  bool const has_tokens = rules.between(scratch.vocab_size, 100, 1 << 20, "scratch.vocab_size");
  if (has_heads && has_hidden)
    rules.require(scratch.hidden_size % scratch.heads == 0, "scratch.hidden_size",
                  fmt::format("{}", scratch.hidden_size),
                  fmt::format("a multiple of scratch.heads ({})", scratch.heads));
  if (has_layers && has_hidden && has_tokens) {
    auto const n_millions =
        (12 * scratch.layers * scratch.hidden_size + scratch.vocab_size) * scratch.hidden_size / 1'000'000;
    rules.require(n_millions <= kMostMillions, "scratch",
                  fmt::format("an encoder of {} million parameters", n_millions),
                  fmt::format("at most {} million", kMostMillions));
  }
  return rules.take();
}

std::vector<Problem> problems(TrainConfig const& config, model::EncoderConfig const& encoder) {
  Rules rules;
  rules.require(config.max_length <= encoder.longest_text(), "max_length", fmt::format("{}", config.max_length),
                fmt::format("at most {}, the positions of the encoder", encoder.longest_text()));
  rules.require(config.frozen_layers <= encoder.num_hidden_layers, "frozen_layers",
                fmt::format("{}", config.frozen_layers),
                fmt::format("at most {}, the layers of the encoder", encoder.num_hidden_layers));
  if (config.private_layers)
    rules.require(*config.private_layers <= std::max<std::int64_t>(encoder.num_hidden_layers - config.frozen_layers, 0),
                  "private_layers", fmt::format("{}", *config.private_layers),
                  fmt::format("at most {}, the layers of the encoder{}",
                              std::max<std::int64_t>(encoder.num_hidden_layers - config.frozen_layers, 0),
                              config.frozen_layers > 0 ? " above train.frozen_layers" : ""));
  if (!config.hidden_words.empty() && encoder.is_projected())
    rules.add(fmt::format("tasks.{}.type", config.hidden_words.front().texts.name),
              "is mlm: hidden words are learnt where the word embeddings are as wide as the states, and this encoder's "
              "are not; take the task out, or another encoder");
  return rules.take();
}

Problem no_dev_rows(std::string_view task) {
  return {Severity::Error, "no-dev-rows", fmt::format("tasks.{}", task),
          "has no dev rows to choose its layers by, as train.private_layers: auto asks; give it some "
          "(datasets.<name>.split), or private_layers of its own"};
}

std::int64_t layers_of_readings(TrainConfig const& config, std::vector<task::TaskSpec> const& tasks,
                                model::EncoderConfig const& encoder) {
  model::ModelSpec spec;
  for (auto const& task : tasks)
    if (!config.task_layers.contains(task.name)) spec.heads.push_back({.task = task});
  if (config.architecture == Architecture::Shared || config.chooses_private_layers || spec.readings().size() < 2)
    return 0;
  return config.private_layers.value_or(
      std::min<std::int64_t>(std::llround(static_cast<double>(encoder.num_hidden_layers) / 3),
                             encoder.num_hidden_layers - config.frozen_layers));
}

std::vector<Problem> problems(TrainConfig const& config, std::vector<task::TaskSpec> const& tasks,
                              model::EncoderConfig const& encoder) {
  std::vector<Problem> found;
  auto const most = std::max<std::int64_t>(encoder.num_hidden_layers - config.frozen_layers, 0);
  auto const least = layers_of_readings(config, tasks, encoder);
  for (auto const& task : tasks) {
    auto const found_layers = config.task_layers.find(task.name);
    if (found_layers == config.task_layers.end()) continue;
    auto const n_layers = found_layers->second;
    auto const add = [&](std::string const& expected) {
      found.push_back({Severity::Error, "invalid-setting", fmt::format("tasks.{}.private_layers", task.name),
                       fmt::format("is {}; expected {}", n_layers, expected)});
    };
    if (most == 0)
      add("no such setting, as train.frozen_layers covers all layers of the encoder; take one of the two out");
    else if (n_layers > most)
      add(fmt::format("at most {}, the layers of the encoder{}", most,
                      config.frozen_layers > 0 ? " above train.frozen_layers" : ""));
    else if (n_layers < least)
      add(fmt::format(
          "at least {}, as many as every reading has for itself; set train.private_layers to {} or less, or "
          "give the task more",
          least, n_layers));
  }
  return found;
}

model::EncoderConfig scratch_encoder(TrainConfig const& config) {
  return {.hidden_size = config.scratch.hidden_size,
          .num_hidden_layers = config.scratch.layers,
          .num_attention_heads = config.scratch.heads,
          .intermediate_size = 4 * config.scratch.hidden_size,
          .max_position_embeddings = std::max<std::int64_t>(config.max_length, 128)};
}

}  // namespace polytask::train
