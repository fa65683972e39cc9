// Trains an encoder on unlabelled texts: hidden words, and what a teacher says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "data/frozen_states.h"
#include "data/language_texts.h"
#include "data/text_vectors.h"
#include "task/example.h"
#include "task/label_set.h"
#include "task/task_spec.h"
#include "train/pretrain_config.h"

namespace polytask::train {

/// Labelled texts that an encoder is looked at with while it learns (eval/linear_probe.h).
struct Probe {
  task::TaskSpec task;  ///< with its metric
  task::LabelSet labels;
  std::vector<std::string> train_texts, dev_texts;
  std::vector<task::Label> train_gold, dev_gold;
};

/// Texts of one kind, read.
struct LanguageSource {
  data::TextSource source;
  data::LanguageTexts texts;
};

/// A larger encoder, as functions.
struct Teacher {
  data::VectorModel vectors;
  /// What its layers below the last `n_top` make of tokens, in its own vocabulary.
  std::function<data::FrozenLayers(std::int64_t n_top)> states;
};

/// Said before the first step.
struct PretrainPlan {
  struct OfSource {
    std::string name;
    std::size_t n_sequences = 0, n_held_out = 0, n_repeated = 0;
    std::uint64_t n_tokens = 0;
    double tokens_per_word = 0;
    double share = 0;  ///< of the sequences drawn
  };
  std::vector<OfSource> sources;
  std::size_t vocab_size = 0;
  double unknown = 0;  ///< share of the tokens that the vocabulary cannot write
  std::int64_t n_parameters = 0;
  std::int64_t n_steps = 0;
  std::int64_t first_step = 0;
  double tokens_per_step = 0;
  double estimated_seconds = 0;
};

struct PretrainStep {
  std::int64_t step = 0;
  double loss = 0;
  std::map<std::string, double> parts;  ///< "words", "vectors", "relations", "states": plain means
  double learning_rate = 0;
  double grad_norm = 0;
  std::int64_t n_tokens = 0;
  double seconds = 0;
  double seconds_left = 0;
};

/// What is known of an encoder without training on it.
struct PretrainEvaluation {
  std::int64_t step = 0;
  double perplexity = 0;  ///< e to the mean loss at hidden words of held-out texts
  std::map<std::string, double> source_perplexity;
  std::map<std::string, double> probes;  ///< primary metric on dev of a line through the mean states
};

struct PretrainEvents {
  std::function<void(std::string const& sentence)> on_note;
  std::function<void(std::size_t n_done, std::size_t n_missing)> on_teaching;
  std::function<void(PretrainPlan const&)> on_plan;
  std::function<void(PretrainStep const&)> on_step;
  std::function<void(PretrainEvaluation const&)> on_evaluation;
};

struct PretrainOptions {
  std::filesystem::path work_folder;     ///< exists; gets checkpoints/, metrics.jsonl, plan.json, vocabulary/
  std::filesystem::path encoder;         ///< where the result goes: config.json, model.safetensors, tokenizer
  std::filesystem::path answers_folder;  ///< of the teacher; shared by runs
  int n_threads = 2;
  std::string device = "cpu";  ///< or "cuda", where this LibTorch has it; the teacher stays on the CPU
  bool resume = false;
  std::vector<Probe> probes;
  std::optional<Teacher> teacher;  ///< when the configuration names one
};

struct PretrainResult {
  std::int64_t n_steps = 0;
  std::int64_t resumed_from_step = 0;
  std::int64_t n_tokens = 0;
  std::int64_t n_parameters = 0;
  double seconds = 0;            ///< of the loop, earlier parts included
  double tokens_per_second = 0;  ///< without evaluations
  std::vector<PretrainEvaluation> evaluations;
};

/// Throws what pretrain() would of the device and of an encoder that is gone on with, before any text is read.
void check_pretraining(PretrainConfig const& config, std::string const& device);

/// Deterministic: the same texts, configuration, seed and thread count give the same bytes, interrupted and resumed or
/// not; with `minutes` the number of steps is measured once and kept in the work folder. Throws Error{InvalidInput} for
/// texts or encoders that nothing can be learnt from, Error{Interrupted} after `stop` is requested, with a checkpoint
/// on disk if a step was done, Error{Unavailable} when memory or disk is not enough.
PretrainResult pretrain(std::vector<LanguageSource> sources, PretrainConfig const& config,
                        PretrainOptions const& options, PretrainEvents const& events, std::stop_token stop);

}  // namespace polytask::train
