// One task's output layer: what it answers and from what. On disk a task.json beside the weights
// (model/model_folder.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "task/label_set.h"
#include "task/task_spec.h"

namespace polytask::model {

/// What a task answers about: a text, its words, a pair as one sequence, two texts each by itself, the words of a
/// context behind a question, or a text with each of its choices. Tasks of one reading share every layer of the
/// encoder.
enum class Reading { Text, Words, Pair, Comparison, Passage, Choices };
inline constexpr std::array kReadings{Reading::Text,       Reading::Words,   Reading::Pair,
                                      Reading::Comparison, Reading::Passage, Reading::Choices};
/// Whether a head also sees how two texts differ.
[[nodiscard]] constexpr bool compares(Reading reading) {
  return reading == Reading::Pair || reading == Reading::Comparison;
}
/// Whether a head answers tokens one by one, not a text as a whole.
[[nodiscard]] constexpr bool answers_tokens(Reading reading) {
  return reading == Reading::Words || reading == Reading::Passage;
}
[[nodiscard]] std::string_view to_string(Reading reading);
[[nodiscard]] std::optional<Reading> parse_reading(std::string_view word);

/// What stands between the pooled state of a text or pair and the head: nothing, or tanh(W h + b), BERT's own pooler
/// (Devlin et al. 2019, arXiv:1810.04805), without which published classifiers cannot be read.
enum class Pooler { None, Tanh };

/// One task's output layer. Outputs: one per label (classification, multilabel), one (regression), or one per BIO tag:
/// O, then B-x and I-x for each label x in order (tagging), two: that an answer starts, and ends, at a token (span), or
/// one: the score of a choice (multiple choice).
struct HeadSpec {
  task::TaskSpec task;
  task::LabelSet labels;
  double target_offset = 0.0;    ///< regression: the head predicts (value - offset) / scale
  double target_scale = 1.0;     ///< > 0
  double threshold = 0.5;        ///< multilabel
  double temperature = 1.0;      ///< > 0; classification, multilabel and multiple choice divide their logits by it
  Pooler pooler = Pooler::None;  ///< of the readings Text, Pair and Choices alone
  /// Top layers of the encoder that the task has for itself (model/model_folder.h); 0 = those of its reading.
  std::int64_t private_layers = 0;
  /// Span: "no answer" must exceed the best piece by more; nothing = there is always an answer.
  std::optional<double> null_threshold;
  [[nodiscard]] std::size_t n_outputs() const;
  /// A tagging head reads words, of a pair too; a span head a passage, a multiple choice head choices.
  [[nodiscard]] Reading reading() const;
  /// A regression over two texts that are encoded apart is a line through their cosine.
  [[nodiscard]] bool sees_cosine() const {
    return reading() == Reading::Comparison && task.type == task::TaskType::Regression;
  }
  /// Width of what the head's linear layer sees: a hidden state, three times as much for a pair, or one number
  /// (nn::MultiTaskModel).
  [[nodiscard]] std::int64_t n_inputs(std::int64_t hidden_size) const;
};

/// The text of a task.json; equal heads have equal texts.
[[nodiscard]] std::string head_json(HeadSpec const& head);
/// Back again, for the task that model.json names; `where` starts the messages. Throws Error{InvalidInput} naming the
/// file, the task and what contradicts what.
[[nodiscard]] HeadSpec parse_head_spec(std::string_view text, std::string const& where, std::string_view task_name);

/// Name of a task's folder: the name itself when it is made of small letters, digits, "-" and "_"; otherwise those
/// characters and a hash of the whole name.
[[nodiscard]] std::string head_file_name(std::string const& task_name);

}  // namespace polytask::model
