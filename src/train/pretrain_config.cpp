#include "train/pretrain_config.h"

#include <fmt/format.h>

#include <cmath>

namespace polytask::train {
namespace {

class Rules {
 public:
  void require(bool holds, std::string_view key, std::string const& found, std::string_view expected) {
    if (!holds)
      problems_.push_back(
          {Severity::Error, "invalid-setting", std::string(key), fmt::format("is {}; expected {}", found, expected)});
  }
  void between(std::int64_t value, std::int64_t least, std::int64_t most, std::string_view key) {
    require(value >= least && value <= most, key, fmt::format("{}", value),
            fmt::format("a whole number of at least {} and at most {}", least, most));
  }
  void between(double value, double least, double most, std::string_view key) {
    require(std::isfinite(value) && value >= least && value <= most, key, fmt::format("{}", value),
            fmt::format("a number from {} to {}", least, most));
  }
  std::vector<Problem> take() { return std::move(problems_); }

 private:
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> problems(PretrainConfig const& config) {
  Rules rules;
  auto const& shape = config.shape;
  rules.between(shape.layers, 1, 100, "encoder.layers");
  rules.between(shape.hidden_size, 8, 4'096, "encoder.hidden_size");
  rules.between(shape.heads, 1, 256, "encoder.heads");
  if (shape.heads >= 1)
    rules.require(shape.hidden_size % shape.heads == 0, "encoder.hidden_size", fmt::format("{}", shape.hidden_size),
                  fmt::format("a multiple of encoder.heads ({})", shape.heads));
  rules.between(shape.intermediate_size, 0, 1 << 16, "encoder.intermediate_size");
  rules.between(shape.max_positions, config.max_length, 1 << 16, "encoder.max_positions");
  auto const& vocabulary = config.vocabulary;
  rules.between(vocabulary.size, 32, 1 << 20, "vocabulary.size");
  rules.between(vocabulary.add, 0, 1 << 20, "vocabulary.add");
  rules.between(vocabulary.keep, 0, vocabulary.size, "vocabulary.keep");
  rules.require(vocabulary.keep == 0 || (vocabulary.replace && !vocabulary.folder), "vocabulary.keep",
                fmt::format("{}", vocabulary.keep),
                "0, as no vocabulary is learnt in the place of another one (vocabulary.replace)");
  rules.require(vocabulary.learn_from.empty() || (!vocabulary.folder && (!config.from || vocabulary.replace)),
                "vocabulary.learn_from", fmt::format("[{}]", fmt::join(vocabulary.learn_from, ", ")),
                "nothing, as no vocabulary is learnt");
  rules.between(vocabulary.max_alphabet, 1, 1 << 20, "vocabulary.max_alphabet");
  rules.between(vocabulary.min_frequency, 1, 1 << 30, "vocabulary.min_frequency");
  rules.require(!vocabulary.replace || config.from, "vocabulary.replace", "true",
                "false, as no encoder is continued: a new one has a new vocabulary anyway");
  rules.require(!vocabulary.folder || !config.from || vocabulary.replace, "vocabulary.folder",
                quote(vocabulary.folder ? vocabulary.folder->string() : ""),
                "nothing, as an encoder with a vocabulary is continued; set vocabulary.replace to give it another");
  rules.require(vocabulary.add == 0 || (config.from && !vocabulary.replace), "vocabulary.add",
                fmt::format("{}", vocabulary.add), "0, as the vocabulary is a new one: raise vocabulary.size");
  rules.require(config.from_layers.empty() || config.from, "encoder.layers_kept", "set",
                "nothing, as no encoder is continued");
  rules.between(config.masking.rate, 0.01, 0.9, "masking.rate");
  rules.between(config.masking.as_mask, 0.0, 1.0, "masking.as_mask");
  rules.between(config.masking.as_random, 0.0, 1.0 - config.masking.as_mask, "masking.as_random");
  auto const& teacher = config.distillation;
  rules.between(teacher.vectors, 0.0, 1e6, "teacher.vectors");
  rules.between(teacher.relations, 0.0, 1e6, "teacher.relations");
  rules.between(teacher.hidden_states, 0.0, 1e6, "teacher.hidden_states");
  rules.between(teacher.unmasked, 0.0, 1.0, "teacher.unmasked");
  rules.between(teacher.relation_heads, 0, 1'024, "teacher.relation_heads");
  rules.between(teacher.max_length, 8, 1 << 16, "teacher.max_length");
  rules.between(teacher.stored_gb, 0.0, 1e6, "teacher.stored_gb");
  rules.require(!teacher.teacher || teacher.vectors + teacher.relations + teacher.hidden_states > 0, "teacher.folder",
                quote(teacher.teacher ? teacher.teacher->string() : ""),
                "no teacher, as all of vectors, relations and hidden_states are 0");
  rules.between(config.language_weight, 0.0, 1e6, "train.language_weight");
  rules.require(config.language_weight > 0 || teacher.teacher, "train.language_weight", "0",
                "a number above 0, or a teacher: there is nothing else to learn from");
  rules.require(std::isfinite(config.epochs) && config.epochs > 0 && config.epochs <= 10'000, "train.epochs",
                fmt::format("{}", config.epochs), "a number above 0, at most 10000");
  rules.between(config.minutes, 0.0, 1e5, "train.minutes");
  if (config.learning_rate)
    rules.require(std::isfinite(*config.learning_rate) && *config.learning_rate > 0 && *config.learning_rate < 10,
                  "train.learning_rate", fmt::format("{}", *config.learning_rate), "a number above 0, below 10");
  rules.between(config.batch_tokens, 8, 1 << 22, "train.batch_tokens");
  rules.between(config.max_length, 8, 1 << 16, "train.max_length");
  rules.require(config.precision == "f32" || config.precision == "bf16" || config.precision == "auto",
                "train.precision", quote(config.precision), "\"f32\", \"bf16\" or \"auto\"");
  rules.require(config.stored == "f32" || config.stored == "f16" || config.stored == "int8" || config.stored == "int4",
                "stored", quote(config.stored), "\"f32\", \"f16\", \"int8\" or \"int4\"");
  rules.between(config.dropout, 0.0, 0.9, "train.dropout");
  rules.between(config.weight_decay, 0.0, 10.0, "train.weight_decay");
  rules.between(config.warmup_ratio, 0.0, 1.0, "train.warmup_ratio");
  rules.between(config.max_grad_norm, 0.0, 1e9, "train.max_grad_norm");
  rules.between(config.held_out, 1e-6, 0.5, "train.held_out");
  rules.between(config.held_out_tokens, 8, 1 << 30, "train.held_out_tokens");
  rules.between(config.evaluations, 1, 10'000, "train.evaluations");
  return rules.take();
}

model::EncoderConfig encoder_of(PretrainConfig const& config, std::int64_t vocab_size) {
  auto const& shape = config.shape;
  return {.vocab_size = vocab_size,
          .hidden_size = shape.hidden_size,
          .num_hidden_layers = shape.layers,
          .num_attention_heads = shape.heads,
          .intermediate_size = shape.intermediate_size > 0 ? shape.intermediate_size : 4 * shape.hidden_size,
          .max_position_embeddings = shape.max_positions};
}

TrainConfig optimizer_config(PretrainConfig const& config) {
  TrainConfig result;
  result.learning_rate = config.effective_learning_rate();
  result.weight_decay = config.weight_decay;
  result.warmup_ratio = config.warmup_ratio;
  result.schedule = config.schedule;
  result.max_grad_norm = config.max_grad_norm;
  return result;
}

}  // namespace polytask::train
