// What a trained multi-task model is on disk.
//   encoder/   config.json, model.safetensors and the tokenizer's files, in Hugging Face layout
//   tasks/     <task>.safetensors: "weight" [num_outputs, hidden; pairs: 3 hidden; cosines: 1], "bias" [num_outputs]
//   private/   <reading>.safetensors: the top layers of the readings after the first, named as in encoder/
//   model.json what the heads mean
// No file holds a run's name, a time or a path: equal models have equal bytes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "task/label_set.h"
#include "task/task_spec.h"

namespace polytask::model {

enum class Pooling { Mean, First };
[[nodiscard]] std::string_view to_string(Pooling pooling);
[[nodiscard]] std::optional<Pooling> parse_pooling(std::string_view word);

/// What a task answers about: a text, its words, a pair as one sequence, or two texts each by itself. Tasks of one
/// reading share every layer of the encoder.
enum class Reading { Text, Words, Pair, Comparison };
/// Whether a head also sees how two texts differ.
[[nodiscard]] constexpr bool compares(Reading reading) {
  return reading == Reading::Pair || reading == Reading::Comparison;
}
[[nodiscard]] std::string_view to_string(Reading reading);

/// One task's output layer. Outputs: one per label (classification, multilabel), one (regression), or one per BIO tag:
/// O, then B-x and I-x for each label x in order (tagging).
struct HeadSpec {
  task::TaskSpec task;
  task::LabelSet labels;
  double target_offset = 0.0;  ///< regression: the head predicts (value - offset) / scale
  double target_scale = 1.0;   ///< > 0
  double threshold = 0.5;      ///< multilabel
  [[nodiscard]] std::size_t n_outputs() const;
  /// A tagging head reads words, of a pair too.
  [[nodiscard]] Reading reading() const;
  /// A regression over two texts that are encoded apart is a line through their cosine.
  [[nodiscard]] bool sees_cosine() const {
    return reading() == Reading::Comparison && task.type == task::TaskType::Regression;
  }
  /// Width of what the head's linear layer sees: a hidden state, three times as much for a pair, or one number
  /// (nn::MultiTaskModel).
  [[nodiscard]] std::int64_t n_inputs(std::int64_t hidden_size) const;
};

struct ModelSpec {
  Pooling pooling = Pooling::Mean;
  std::size_t max_length = 128;     ///< tokens, special tokens included
  std::int64_t private_layers = 0;  ///< top layers of the encoder that every reading has for itself; 0 = all are shared
  std::vector<HeadSpec> heads;
  /// Readings of the heads, each once, as the enumeration orders them. The first owns the top layers in encoder/.
  [[nodiscard]] std::vector<Reading> readings() const;
  /// Index of the task's head; nothing when the model does not have the task.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view task) const;
};

/// Throws Error{NotFound, InvalidInput, Corrupt} naming the file and the key.
[[nodiscard]] ModelSpec parse_model_spec(std::string_view text, std::string const& where);
[[nodiscard]] ModelSpec read_model_spec(std::filesystem::path const& folder);
void write_model_spec(std::filesystem::path const& folder, ModelSpec const& spec);

/// File name of a task's weights: the name itself when it is made of small letters, digits, "-" and "_"; otherwise
/// those characters and a hash of the whole name.
[[nodiscard]] std::string head_file_name(std::string const& task_name);

}  // namespace polytask::model
