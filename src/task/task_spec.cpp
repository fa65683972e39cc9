#include "task/task_spec.h"

#include "base/error.h"

namespace polytask::task {

std::string_view to_string(TaskType type) {
  switch (type) {
    case TaskType::Classification: return "classification";
    case TaskType::Multilabel: return "multilabel";
    case TaskType::Regression: return "regression";
    case TaskType::Tagging: return "tagging";
    case TaskType::Span: return "span";
    case TaskType::MultipleChoice: return "multiple_choice";
  }
  expects(false, "every task type has a name");
  return {};
}

std::vector<std::string> const& task_type_names() {
  static std::vector<std::string> const names{"classification", "multilabel", "regression",
                                              "tagging",        "span",       "multiple_choice"};
  return names;
}

std::optional<TaskType> parse_task_type(std::string_view word) {
  for (auto const type : {TaskType::Classification, TaskType::Multilabel, TaskType::Regression, TaskType::Tagging,
                          TaskType::Span, TaskType::MultipleChoice})
    if (to_string(type) == word) return type;
  return std::nullopt;
}

std::string_view to_string(PairEncoding encoding) { return encoding == PairEncoding::Bi ? "bi" : "cross"; }

std::optional<PairEncoding> parse_pair_encoding(std::string_view word) {
  for (auto const encoding : {PairEncoding::Cross, PairEncoding::Bi})
    if (to_string(encoding) == word) return encoding;
  return std::nullopt;
}

std::vector<std::string> const& metrics_of(TaskType type) {
  static std::vector<std::string> const classification{"accuracy", "macro_f1", "micro_f1", "mcc", "average_precision"};
  static std::vector<std::string> const multilabel{"micro_f1", "macro_f1", "accuracy", "average_precision"};
  static std::vector<std::string> const regression{"pearson", "spearman"};
  static std::vector<std::string> const tagging{"span_f1"};
  static std::vector<std::string> const span{"token_f1", "exact_match", "character_f1"};
  static std::vector<std::string> const multiple_choice{"accuracy"};
  switch (type) {
    case TaskType::Classification: return classification;
    case TaskType::Multilabel: return multilabel;
    case TaskType::Regression: return regression;
    case TaskType::Tagging: return tagging;
    case TaskType::Span: return span;
    case TaskType::MultipleChoice: return multiple_choice;
  }
  expects(false, "every task type has metrics");
  return classification;
}

bool TaskSpec::encodes_apart() const {
  if (text.size() != 2 || type == TaskType::Tagging || type == TaskType::Span) return false;
  return pair_encoding.value_or(type == TaskType::Regression ? PairEncoding::Bi : PairEncoding::Cross) ==
         PairEncoding::Bi;
}

bool TaskSpec::reads_segments() const {
  return (text.size() == 2 && !encodes_apart()) || type == TaskType::MultipleChoice;
}

bool read_alike(TaskSpec const& a, TaskSpec const& b) {
  return a.text == b.text && a.tokens_column == b.tokens_column && a.encodes_apart() == b.encodes_apart() &&
         reads_passages(a) == reads_passages(b) && a.stride == b.stride && a.choices == b.choices;
}

std::string default_metric(TaskType type) { return metrics_of(type).front(); }

}  // namespace polytask::task
