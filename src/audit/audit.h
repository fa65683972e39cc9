// What a user should know about labelled data before training on it: what is wrong with it as a whole, the costliest
// first, with examples. Rows that cannot be read at all are the business of data/corpus.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/row_columns.h"
#include "data/corpus.h"
#include "eval/scores.h"
#include "task/task_spec.h"
#include "text/tokenizer.h"

namespace polytask::audit {

/// A row that shows what a finding means.
struct Evidence {
  std::string where;        ///< file:line
  std::string text;         ///< the first text of the row
  std::string other_where;  ///< of the row that it is compared with; may be empty
  std::string other_text;
  std::string note;  ///< labels, a similarity: names and numbers, no words of a language
};
inline constexpr std::size_t kShownEvidence = 100;

/// One thing that is wrong, or that stands in the way. What the kinds mean: docs/reference/data-audit.md; their
/// sentences: report/finding_words.h.
struct Finding {
  std::string kind;                       ///< stable machine word in kebab case: "leakage"
  std::vector<std::string> tasks;         ///< concerned; may be empty
  std::string dataset;                    ///< may be empty
  double cost = 0;                        ///< points (hundredths) of a metric at stake, an estimate for the order alone
  std::size_t n = 0;                      ///< rows (of span-inconsistent: spans) concerned,
  std::size_t of = 0;                     ///< of so many
  std::map<std::string, double> numbers;  ///< what else the sentence says, by name
  std::vector<std::string> names;         ///< labels, columns, datasets that the sentence names
  std::vector<Evidence> evidence;         ///< at most kShownEvidence, the clearest first
  std::vector<std::pair<std::string, double>> bars;  ///< what is drawn beside the sentence: shares, 0..1
};

struct LabelCount {
  std::string label;
  std::array<std::size_t, 3> n{};  ///< by Split
};

/// What linear models reach on the same rows: over a frozen encoder's states, over words, and without looking.
struct ProbeFacts {
  std::string metric;
  double probe = 0;
  double bag_of_words = 0;
  double majority = 0;        ///< NaN where a constant answer has no score
  eval::Score gain;           ///< probe minus bag of words, with its 95 % interval
  eval::Score over_majority;  ///< the same over the majority; NaN where that has no score
  std::size_t n_train = 0, n_scored = 0;
};

/// Why an encoder was not asked about a task.
enum class NotProbed {
  Span,    ///< the answer of a question is a place
  Labels,  ///< fewer than two
  Length,  ///< too few rows whose words the length limit leaves whole
  Rows     ///< too few
};
[[nodiscard]] std::string_view to_string(NotProbed reason);  ///< "span", "labels", "length", "rows"

struct TaskFacts {
  std::string name;
  task::TaskType type = task::TaskType::Classification;
  std::string metric;
  std::array<std::size_t, 3> n{};       ///< labelled rows by Split
  std::vector<LabelCount> labels;       ///< the most frequent in training first; empty for regression
  std::optional<double> majority;       ///< the metric of the majority baseline on test (dev without test)
  std::optional<double> bag_of_words;   ///< classification: accuracy on training rows, out of fold
  double detectable = 1;                ///< smallest difference of accuracies that the test rows show, a share
  std::size_t n_suspects = 0;           ///< labels that are probably wrong
  std::optional<ProbeFacts> probe;      ///< where an encoder was asked
  std::optional<NotProbed> not_probed;  ///< and why not, where one was asked and could not say
};

struct DatasetFacts {
  std::string name;
  std::array<std::size_t, 3> n{};                              ///< rows by Split
  std::vector<std::pair<std::string, std::size_t>> languages;  ///< of all rows, the most frequent first
  std::vector<std::size_t> lengths;  ///< rows by length: below 8, 16, 32, ... 4096 characters, and the rest
};
inline constexpr std::size_t kLengthSteps = 11;

struct Audit {
  std::vector<Finding> findings;  ///< by falling cost
  std::vector<TaskFacts> tasks;
  std::vector<DatasetFacts> datasets;
};

struct AuditOptions {
  double difference = 0.02;  ///< the difference of scores that matters to the user, a share
  std::uint64_t seed = 1;
  /// Before each part of the work: what is looked for, as "doubtful labels of intent".
  std::function<void(std::string const& what)> on_part{};
};

/// What the encoder's tokenizer and train.max_length make of the texts.
struct TokenLimit {
  text::Tokenizer const& tokenizer;
  std::size_t max_length = 0;
};

/// `columns` saw the rows of `corpus`. Linear in the rows. Deterministic.
[[nodiscard]] Audit audit(data::Corpus const& corpus, RowColumns const& columns,
                          std::optional<TokenLimit> const& tokens, AuditOptions const& options);

/// Again by falling cost, after something was added.
void sort_findings(Audit& audit);

}  // namespace polytask::audit
