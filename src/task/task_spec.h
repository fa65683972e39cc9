// What a task is: its type, where its texts and labels stand, how it is judged and who owns it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::task {

enum class TaskType {
  Classification,  ///< one label of a set
  Multilabel,      ///< any subset of a label set
  Regression,      ///< a number
  Tagging,         ///< labelled spans of the text
  Span,            ///< a piece of a context that answers a question, or nothing
  MultipleChoice,  ///< one of the choices that the row itself gives
};

/// "classification", "multilabel", "regression", "tagging", "span", "multiple_choice": the words of the project file.
[[nodiscard]] std::string_view to_string(TaskType type);
[[nodiscard]] std::optional<TaskType> parse_task_type(std::string_view word);
[[nodiscard]] std::vector<std::string> const& task_type_names();

/// Whether what it answers is named by a set of labels.
[[nodiscard]] constexpr bool has_labels(TaskType type) {
  return type != TaskType::Regression && type != TaskType::Span && type != TaskType::MultipleChoice;
}

enum class ClassWeights { None, Balanced };

/// Cross: the two texts of a pair are one sequence and see one another in every layer (Devlin et al. 2019,
/// arXiv:1810.04805). Bi: each is encoded by itself, as a single text is, and only the head compares them (Reimers and
/// Gurevych 2019, arXiv:1908.10084).
enum class PairEncoding { Cross, Bi };

/// "cross", "bi": the words of files.
[[nodiscard]] std::string_view to_string(PairEncoding encoding);
[[nodiscard]] std::optional<PairEncoding> parse_pair_encoding(std::string_view word);

/// Tokens of the longest answer that a span task gives, where its task does not say otherwise.
inline constexpr int kLongestAnswer = 30;

/// Choices of a row.
inline constexpr std::size_t kFewestChoices = 2;
inline constexpr std::size_t kMostChoices = 64;

struct TaskSpec {
  std::string name;
  TaskType type = TaskType::Classification;
  std::vector<std::string> datasets;          ///< names; at least one
  std::vector<std::string> text;              ///< one column, or two for a pair; empty for CoNLL files; span: question
                                              ///< and context
  std::vector<std::string> choices;           ///< multiple choice: the column of the list, or one column a choice
  std::string label;                          ///< column of the label, the list of labels, the number, the answers, or
                                              ///< of which choice is right
  std::string spans;                          ///< tagging: column of [[start, end, "LABEL"], ...] in code points
  std::string start;                          ///< span: column of where a plain answer starts, in code points
  std::optional<int> stride;                  ///< span: tokens between the beginnings of windows; unset = half the room
  int longest_answer = kLongestAnswer;        ///< span: tokens
  std::optional<int> tokens_column;           ///< tagging over CoNLL: 1-based; default the first
  std::optional<int> tags_column;             ///< tagging over CoNLL: 1-based; default the last
  std::vector<std::string> labels;            ///< declared label set; empty = taken from the training rows, sorted
  std::string metric;                         ///< primary metric; empty = default_metric(type)
  std::string owner;                          ///< who is told when something is wrong
  double loss_weight = 1.0;                   ///< > 0; multiplies the normalised loss
  std::optional<PairEncoding> pair_encoding;  ///< unset = bi for regression, most often a similarity; cross otherwise
  ClassWeights class_weights = ClassWeights::None;  ///< classification: balanced = n / (classes * n_class)

  /// Whether its texts are a pair and each is encoded by itself.
  [[nodiscard]] bool encodes_apart() const;
  /// Whether it reads two texts as one sequence: a pair, a question with its context, a text with a choice.
  [[nodiscard]] bool reads_segments() const;
  /// What encodes_apart says, as a word: Bi or Cross.
  [[nodiscard]] PairEncoding encoding() const { return encodes_apart() ? PairEncoding::Bi : PairEncoding::Cross; }
};

/// Whether its two texts are a question and a context, read in windows (task/passage.h).
[[nodiscard]] inline bool reads_passages(TaskSpec const& task) { return task.type == TaskType::Span; }

/// Whether its text is read once with each of its choices.
[[nodiscard]] inline bool reads_choices(TaskSpec const& task) { return task.type == TaskType::MultipleChoice; }

/// Whether one pass through an encoder serves both: they read the same columns and encode them in the same way.
[[nodiscard]] bool read_alike(TaskSpec const& a, TaskSpec const& b);

/// accuracy, micro_f1, pearson, span_f1, token_f1, accuracy.
[[nodiscard]] std::string default_metric(TaskType type);
/// The metrics that make sense for a type, the default first.
[[nodiscard]] std::vector<std::string> const& metrics_of(TaskType type);

}  // namespace polytask::task
