// What the columns of a dataset hold, and what tasks that makes.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "data/discovery.h"
#include "data/row_reader.h"

namespace polytask::data {

/// ASCII letters alone: names of files and columns are compared so.
[[nodiscard]] std::string lower(std::string text);
/// Whether a column of this name is one that somebody labelled: "intent", "user_label".
[[nodiscard]] bool is_called_a_label(std::string const& name);
/// How well a name fits the one text that a task reads; 0 = it says nothing.
[[nodiscard]] int text_rank(std::string const& name);

/// Counts over the values of one column.
class Column {
 public:
  explicit Column(std::string name) : name_(std::move(name)) {}
  void add(Value const& value);

  [[nodiscard]] std::string const& name() const { return name_; }
  [[nodiscard]] bool has_values() const { return n_ > 0; }
  /// The different values, or as many as are counted.
  [[nodiscard]] std::map<std::string, std::size_t> const& values() const { return values_; }
  [[nodiscard]] bool is_text() const;
  [[nodiscard]] bool is_identifier() const;
  /// Whether it holds several labels with commas between them, a form that is not read.
  [[nodiscard]] bool has_comma_lists() const { return n_commas_ > 0 && 20 * n_commas_ > n_; }
  /// Whether its values are pieces of a context (data/internal/answer_label.h).
  [[nodiscard]] bool holds_answers() const { return n_answers_ > 0 && n_answers_ + n_empty_lists_ == n_; }
  [[nodiscard]] std::string answer_facts() const;
  [[nodiscard]] bool has_few_spaces() const;  ///< in its texts, as in Japanese
  /// Whether every value is a list of two things or more.
  [[nodiscard]] bool holds_lists() const { return all(n_lists_) && shortest_list_ >= 2; }
  [[nodiscard]] std::size_t longest_list() const { return longest_list_; }
  [[nodiscard]] std::size_t n_values() const { return n_; }
  /// Whether its values number one of so many things, the first of them 0.
  [[nodiscard]] bool numbers_one_of(std::size_t n) const {
    return all(n_whole_) && lowest_ >= 0 && highest_ < static_cast<double>(n);
  }
  /// The task that its values make, without name, dataset and text; nothing when they make none.
  [[nodiscard]] std::optional<DiscoveredTask> as_label() const;

 private:
  void add_text(std::string const& text);
  void count(std::string const& value);
  [[nodiscard]] bool all(std::size_t n) const { return n_ > 0 && n == n_; }

  std::string name_;
  std::size_t n_ = 0;  ///< values that are neither null nor empty
  std::size_t n_texts_ = 0, n_whole_ = 0, n_real_ = 0, n_lists_ = 0, n_spans_ = 0;
  std::size_t n_answers_ = 0, n_empty_lists_ = 0;
  std::size_t shortest_list_ = 0, longest_list_ = 0;
  std::size_t n_characters_ = 0, n_spaces_ = 0;  ///< of the texts
  std::size_t n_bars_ = 0, n_commas_ = 0;        ///< texts with "|"; texts with a comma and no space
  double lowest_ = 0, highest_ = 0;              ///< of the numbers
  std::map<std::string, std::size_t>
      values_;                   ///< how often each occurs; of lists their elements, of spans their labels
  std::size_t n_uncounted_ = 0;  ///< values that came when there were too many different ones
};

/// The columns of the rows in their order of appearance.
class Columns {
 public:
  void add(Row const& row);
  [[nodiscard]] std::set<std::string> names() const;
  /// Nothing where no row has it.
  [[nodiscard]] Column const* find(std::string const& name) const;
  /// Tasks over these columns, the certain ones first; none where no column reads like a text.
  [[nodiscard]] std::vector<DiscoveredTask> tasks() const;
  /// What to say where there are none.
  [[nodiscard]] std::string why_no_tasks() const;

 private:
  /// One column of lists that is called so, or several that are numbered; none where there are no choices.
  [[nodiscard]] std::vector<std::string> choice_columns() const;
  /// Of a row.
  [[nodiscard]] std::size_t most_choices(std::vector<std::string> const& choices) const;
  /// Whether a column says which choice is right, by its number or its text.
  [[nodiscard]] bool says_which(Column const& column, std::vector<std::string> const& choices) const;
  /// Choices, a text, and a column that says which is right.
  [[nodiscard]] std::optional<DiscoveredTask> choice_task(std::vector<std::string> const& choices) const;
  /// A column "question", a column "context" and one of answers.
  [[nodiscard]] std::optional<DiscoveredTask> span_task() const;

  std::vector<Column> columns_;
  std::map<std::string, std::size_t> index_;
  bool has_too_many_ = false;
};

/// Labels of the spans in CoNLL rows.
[[nodiscard]] std::map<std::string, std::size_t> span_labels(std::vector<Row> const& rows,
                                                             std::optional<int> tags_column);

}  // namespace polytask::data
