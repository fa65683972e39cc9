// How an encoder is pretrained on unlabelled texts; every field has a default that suits a small one on two cores.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/problem.h"
#include "data/language_sequences.h"
#include "model/encoder_files.h"
#include "train/config.h"

namespace polytask::train {

/// The encoder that is made when none is continued.
struct EncoderShape {
  std::int64_t layers = 4;
  std::int64_t hidden_size = 256;
  std::int64_t heads = 4;
  std::int64_t intermediate_size = 0;  ///< 0 = 4 * hidden_size
  std::int64_t max_positions = 512;    ///< tokens of the longest text it can ever read
};

struct VocabularyConfig {
  std::int64_t size = 16'000;  ///< tokens of a new vocabulary, learnt from the texts
  std::optional<std::filesystem::path>
      folder;            ///< the tokenizer of this Hugging Face folder, in the place of a new one
  bool replace = false;  ///< of a continued encoder: a new one takes the place of its own
  std::int64_t keep =
      0;  ///< of a continued encoder: so many of its own tokens stay in the new one, the most used first
  std::vector<std::string> learn_from;  ///< names of the texts whose pieces are learnt; empty = all
  std::int64_t add = 0;        ///< of a continued encoder: the most frequent pieces that it lacks, at most so many
  bool lowercase = true;       ///< a new one
  bool strip_accents = false;  ///< a new one: true takes the marks off Japanese letters too
  std::int64_t max_alphabet = 4'000;  ///< a new one: characters, the most frequent first
  std::int64_t min_frequency = 2;     ///< a new one: rarer pairs are not merged
};

enum class VectorLoss { Cosine, MeanSquare };

/// What is learnt from a larger encoder, of sources that it may teach.
struct DistillationConfig {
  std::optional<std::filesystem::path> teacher;  ///< Hugging Face folder
  double vectors = 1.0;                          ///< weight of the sentence vectors' loss; 0 = none
  VectorLoss vector_loss = VectorLoss::Cosine;
  double relations = 0.0;           ///< weight of the attention relations of the last layer; 0 = none
  std::int64_t relation_heads = 0;  ///< 0 = the teacher's heads
  double hidden_states = 0.0;       ///< weight of the mean square between last hidden states; 0 = none
  double unmasked = 0.5;            ///< share of the taught sequences that show all their words, 0..1
  std::int64_t max_length = 256;    ///< tokens that the teacher reads of a text
  double stored_gb = 5;             ///< 10^9 bytes on disk for its answers
};

struct PretrainConfig {
  std::optional<std::filesystem::path> from;  ///< the encoder that is continued; none = from nothing
  std::vector<std::int64_t> from_layers;      ///< the ones of its layers that are kept, in this order; empty = all
  EncoderShape shape;
  VocabularyConfig vocabulary;
  data::MaskingConfig masking;
  DistillationConfig distillation;
  double language_weight = 1.0;         ///< weight of the loss at hidden words; 0 = the teacher alone
  double epochs = 1.0;                  ///< tokens drawn, as a multiple of all; unused with minutes
  double minutes = 0;                   ///< > 0: as many steps as fit, evaluations apart; measured before the first one
  std::optional<double> learning_rate;  ///< unset = 1e-3, and 2e-4 for an encoder that is continued
  std::int64_t batch_tokens = 4'096;    ///< a step
  std::int64_t max_length = 128;        ///< tokens of a sequence, special ones included; 8..65,536
  std::string precision = "auto";       ///< what layers multiply in, as in TrainConfig
  double dropout = 0.0;                 ///< 0..1; texts that are seen once or twice need none
  double weight_decay = 0.01;
  double warmup_ratio = 0.05;
  Schedule schedule = Schedule::Linear;
  double max_grad_norm = 1.0;
  double held_out = 0.01;                 ///< share of the sequences that is never trained on, > 0, <= 0.5
  std::int64_t held_out_tokens = 20'000;  ///< of them, at most so many tokens a source are scored
  std::int64_t evaluations = 8;           ///< of held-out texts and probes, evenly; the first before the first step
  std::string stored = "f32";  ///< "f16", "int8" or "int4" (model/compact_weights.h): how the weights are written
  std::uint64_t seed = 1;

  [[nodiscard]] double effective_learning_rate() const { return learning_rate.value_or(from ? 2e-4 : 1e-3); }
};

/// Every rule that the values break; `where` is the key of the recipe (docs/reference/pretraining.md).
[[nodiscard]] std::vector<Problem> problems(PretrainConfig const& config);

/// The encoder of a configuration that continues none.
[[nodiscard]] model::EncoderConfig encoder_of(PretrainConfig const& config, std::int64_t vocab_size);

/// What the optimizer and its schedule look at.
[[nodiscard]] TrainConfig optimizer_config(PretrainConfig const& config);

}  // namespace polytask::train
