#include "data/internal/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "data/internal/answer_label.h"
#include "data/internal/readers.h"
#include "task/bio.h"

namespace polytask::data {
namespace {

constexpr std::size_t kMostValues = 2'000;  // of a label set; more is no label
constexpr std::size_t kFewestRowsPerLabel = 3;
constexpr std::size_t kMostColumns = 1'000;

bool is_one_of(std::string const& name, std::vector<std::string> const& words) {
  auto const word = lower(name);
  return std::any_of(words.begin(), words.end(), [&](auto const& known) {
    auto const at = word.find(known);  // as a whole, or beside a border: "intent", "user_intent", "label_2"
    if (at == std::string::npos) return false;
    auto const is_letter = [&](std::size_t i) { return i < word.size() && word[i] >= 'a' && word[i] <= 'z'; };
    return (at == 0 || !is_letter(at - 1)) && !is_letter(at + known.size());
  });
}

bool is_called_a_measure(std::string const& name) {
  return is_one_of(name, {"score", "rating", "stars", "similarity", "relatedness", "urgency", "priority", "severity",
                          "price", "size"});
}

/// Two names that differ in their counting alone, or that say that they belong together.
bool are_a_pair(std::string const& a, std::string const& b) {
  static std::vector<std::pair<std::string, std::string>> const known{
      {"premise", "hypothesis"}, {"query", "passage"}, {"query", "document"}, {"question", "passage"},
      {"question", "sentence"},  {"left", "right"},    {"first", "second"},   {"text", "text_pair"}};
  auto const x = lower(a), y = lower(b);
  if (std::find(known.begin(), known.end(), std::pair(x, y)) != known.end()) return true;
  if (x.empty() || y.empty() || x.substr(0, x.size() - 1) != y.substr(0, y.size() - 1)) return false;
  return (x.back() == '1' && y.back() == '2') || (x.back() == 'a' && y.back() == 'b') ||
         (x.back() == '0' && y.back() == '1');
}

std::string counts_text(std::map<std::string, std::size_t> const& values, std::string_view what) {
  std::size_t fewest = values.begin()->second, most = fewest;
  for (auto const& [value, n] : values) fewest = std::min(fewest, n), most = std::max(most, n);
  return fewest == most ? fmt::format("{} {}, {} rows each", values.size(), what, most)
                        : fmt::format("{} {}, {} to {} rows each", values.size(), what, fewest, most);
}

/// A key of the project file, and a word on a terminal.
bool can_be_named(std::string const& name) {
  return !name.empty() && name.size() <= 200 &&
         std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; });
}

}  // namespace

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

bool is_called_a_label(std::string const& name) {
  return is_one_of(
      name,
      {"label",       "labels",        "category",  "categories",   "class",    "intent",   "topic",  "topics",
       "sentiment",   "emotion",       "emotions",  "score",        "target",   "rating",   "stars",  "similarity",
       "relatedness", "entailment",    "urgency",   "priority",     "polarity", "relation", "answer", "tags",
       "spans",       "entities",      "duplicate", "is_duplicate", "same",     "gold",     "y",      "type",
       "toxic",       "acceptability", "products",  "department",   "severity", "language"});
}

int text_rank(std::string const& name) {
  std::vector<std::string> const names{"text",  "body",    "sentence", "content", "utterance",   "message",  "review",
                                       "tweet", "comment", "question", "query",   "description", "document", "title"};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (is_one_of(name, {names[i]})) return static_cast<int>(names.size() - i);
  return 0;
}

namespace {

bool are_answers(Value const& value) {
  auto const* other = std::get_if<OtherJson>(&value);
  return other != nullptr && parse_answers(other->text);
}

}  // namespace

void Column::count(std::string const& value) {
  auto const known = values_.find(value);
  if (known != values_.end())
    ++known->second;
  else if (values_.size() < kMostValues)
    values_.emplace(value, 1);
  else
    ++n_uncounted_;
}

void Column::add_text(std::string const& text) {
  double number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && std::isfinite(number)) {
    bool const is_whole = text.find_first_of(".eE") == std::string::npos;
    if (n_whole_ + n_real_ == 0) lowest_ = highest_ = number;
    lowest_ = std::min(lowest_, number), highest_ = std::max(highest_, number);
    ++(is_whole ? n_whole_ : n_real_);
  } else {
    ++n_texts_;
    n_characters_ += count_code_points(text);
    n_spaces_ += static_cast<std::size_t>(std::count(text.begin(), text.end(), ' '));
    n_bars_ += text.find('|') != std::string::npos;
    n_commas_ += text.find(',') != std::string::npos && text.find(' ') == std::string::npos;
  }
  count(text.size() <= 200 ? text : text.substr(0, 200));
}

void Column::add(Value const& value) {
  if (std::holds_alternative<std::monostate>(value)) return;
  if (auto const* text = std::get_if<std::string>(&value)) {
    if (text->empty()) return;
    // Lists have no other form in a table.
    auto const list = text->starts_with('[') ? parse_value(*text) : Result<Value>(Value());
    if (list && (std::holds_alternative<std::vector<std::string>>(*list) ||
                 std::holds_alternative<std::vector<task::Span>>(*list) || are_answers(*list)))
      return add(*list);
    ++n_;
    add_text(*text);
    return;
  }
  ++n_;
  if (auto const* whole = std::get_if<std::int64_t>(&value)) {
    add_text(fmt::format("{}", *whole));
  } else if (auto const* real = std::get_if<double>(&value)) {
    if (n_whole_ + n_real_ == 0) lowest_ = highest_ = *real;
    lowest_ = std::min(lowest_, *real), highest_ = std::max(highest_, *real);
    ++n_real_;
    count(fmt::format("{}", *real));
  } else if (auto const* flag = std::get_if<bool>(&value)) {
    count(*flag ? "true" : "false");
  } else if (auto const* other = std::get_if<OtherJson>(&value)) {
    if (auto const answers = parse_answers(other->text)) ++(answers->empty() ? n_empty_lists_ : n_answers_);
  } else if (auto const* labels = std::get_if<std::vector<std::string>>(&value)) {
    shortest_list_ = n_lists_ == 0 ? labels->size() : std::min(shortest_list_, labels->size());
    longest_list_ = std::max(longest_list_, labels->size());
    ++n_lists_;
    n_empty_lists_ += labels->empty();
    for (auto const& label : *labels) count(label);
  } else if (auto const* spans = std::get_if<std::vector<task::Span>>(&value)) {
    ++n_spans_;
    for (auto const& span : *spans) count(span.label);
  }
}

std::string Column::answer_facts() const {
  return n_empty_lists_ == 0 ? fmt::format("{} questions, each with an answer", n_)
                             : fmt::format("{} questions, {} of them without an answer", n_, n_empty_lists_);
}

bool Column::is_text() const {
  if (n_ == 0 || 10 * n_texts_ < 9 * n_) return false;
  double const different = static_cast<double>(values_.size() + n_uncounted_) / static_cast<double>(n_);
  double const characters = static_cast<double>(n_characters_) / static_cast<double>(n_texts_);
  double const words = 1 + static_cast<double>(n_spaces_) / static_cast<double>(n_texts_);
  if (text_rank(name_) > 0) return different > 0.2 || characters > 60;
  return different > 0.3 && characters >= 12 && (words >= 2.5 || has_few_spaces());
}

bool Column::has_few_spaces() const {
  constexpr std::size_t kLongWord = 12;  // on average: those of scripts without spaces
  return n_characters_ >= kLongWord * (n_texts_ + n_spaces_);
}

bool Column::is_identifier() const {
  auto const name = lower(name_);
  for (auto const* end : {"id", "_id", "-id", "idx", "index", "guid", "uuid", "uid"})
    if (name == end || (end[0] != 'i' && end[0] != 'u' && end[0] != 'g' && name.ends_with(end))) return true;
  return n_ > 20 && values_.size() + n_uncounted_ == n_ && n_real_ == 0 && !is_called_a_label(name_);
}

std::optional<DiscoveredTask> Column::as_label() const {
  if (n_ == 0) return std::nullopt;
  DiscoveredTask found;
  auto& type = found.spec.type;
  bool const is_named = is_called_a_label(name_);
  found.doubtful = !is_named;
  auto const n_lonely = static_cast<std::size_t>(
      std::count_if(values_.begin(), values_.end(), [](auto const& value) { return value.second == 1; }));
  bool const repeats = n_uncounted_ == 0 && values_.size() >= 2 && values_.size() * kFewestRowsPerLabel <= n_ &&
                       10 * n_lonely <= values_.size();
  if (n_spans_ > 0 && !values_.empty() && n_spans_ + n_lists_ == n_) {
    type = task::TaskType::Tagging;
    found.spec.spans = name_;
    found.doubtful = false;
    found.facts = counts_text(values_, values_.size() == 1 ? "kind of span" : "kinds of spans");
    return found;
  }
  found.spec.label = name_;
  if (all(n_lists_) && !values_.empty() && n_uncounted_ == 0) {
    type = task::TaskType::Multilabel;
    found.doubtful = false;
    found.facts = counts_text(values_, "labels");
    return found;
  }
  bool const is_number = all(n_whole_ + n_real_);
  if (is_number && values_.size() > 2 && (n_real_ > 0 || is_called_a_measure(name_) || (!repeats && is_named))) {
    type = task::TaskType::Regression;
    found.facts = fmt::format("numbers from {} to {}", lowest_, highest_);
    return found;
  }
  if (!repeats || n_lists_ + n_spans_ + n_real_ > 0) return std::nullopt;
  if (has_comma_lists()) return std::nullopt;
  if (20 * n_bars_ > n_) {
    type = task::TaskType::Multilabel;
    found.facts = "lists of labels, with | between them";
    return found;
  }
  type = task::TaskType::Classification;
  found.facts = counts_text(values_, "labels");
  std::size_t most = 0;
  for (auto const& [value, n] : values_) most = std::max(most, n);
  if (10 * most > 6 * n_) {
    found.spec.metric = "macro_f1";
    found.facts += fmt::format("; {:.0f} % have the same, so classes count alike (macro_f1)",
                               100.0 * static_cast<double>(most) / static_cast<double>(n_));
  }
  return found;
}

void Columns::add(Row const& row) {
  for (auto const& [name, value] : row.fields) {
    if (columns_.size() == kMostColumns && !index_.contains(name)) {
      has_too_many_ = true;
      continue;
    }
    auto const [at, is_new] = index_.emplace(name, columns_.size());
    if (is_new) columns_.emplace_back(name);
    columns_[at->second].add(value);
  }
}

std::set<std::string> Columns::names() const {
  std::set<std::string> names;
  for (auto const& column : columns_) names.insert(column.name());
  return names;
}

std::vector<DiscoveredTask> Columns::tasks() const {
  if (has_too_many_) return {};
  if (auto span = span_task()) return {std::move(*span)};
  if (auto const choices = choice_columns(); !choices.empty()) {
    if (auto task = choice_task(choices)) return {std::move(*task)};
    if (choices.size() > 1) return {};  // or one of them would be taken for the text
  }
  std::vector<std::string> texts;
  std::vector<Column const*> others;
  for (auto const& column : columns_)
    if (!can_be_named(column.name()))
      continue;
    else if (column.is_text())
      texts.push_back(column.name());
    else if (!column.is_identifier())
      others.push_back(&column);
  if (texts.empty()) return {};
  std::vector<std::string> read{*std::max_element(
      texts.begin(), texts.end(), [](auto const& a, auto const& b) { return text_rank(a) < text_rank(b); })};
  for (std::size_t i = 0; i < texts.size() && read.size() == 1; ++i)
    for (auto const& other : texts)
      if (are_a_pair(texts[i], other)) {
        read = {texts[i], other};
        break;
      }
  std::vector<DiscoveredTask> tasks;
  for (auto const* column : others)
    if (auto task = column->as_label()) {
      task->spec.text = read;
      if (task->spec.type == task::TaskType::Tagging) task->spec.text.resize(1);
      tasks.push_back(std::move(*task));
    }
  // Where nothing is called a label, whatever could be one is offered.
  if (std::all_of(tasks.begin(), tasks.end(), [](auto const& task) { return task.doubtful; }))
    for (auto& task : tasks) task.doubtful = false;
  std::stable_sort(tasks.begin(), tasks.end(), [](auto const& a, auto const& b) { return a.doubtful < b.doubtful; });
  return tasks;
}

std::optional<DiscoveredTask> Columns::span_task() const {
  auto const with_answers = [&](auto const& is_fitting) {
    return std::find_if(columns_.begin(), columns_.end(),
                        [&](auto const& c) { return c.holds_answers() && is_fitting(lower(c.name())); });
  };
  auto answers = with_answers([](auto const& name) { return name == "answers" || name == "answer"; });
  // SQuAD 2.0 lists what seems to answer an impossible question too.
  if (answers == columns_.end())
    answers = with_answers([](auto const& name) { return name.find("plausible") == std::string::npos; });
  if (answers == columns_.end() || !can_be_named(answers->name())) return std::nullopt;
  DiscoveredTask found;
  found.spec.type = task::TaskType::Span;
  for (auto const* role : {"question", "context"}) {
    auto const column =
        std::find_if(columns_.begin(), columns_.end(), [&](auto const& c) { return lower(c.name()) == role; });
    if (column == columns_.end()) return std::nullopt;
    found.spec.text.push_back(column->name());
    found.spec.metric = column->has_few_spaces() ? "character_f1" : "";  // of the context, which comes last
  }
  found.spec.label = answers->name();
  found.facts = answers->answer_facts();
  return found;
}

std::vector<std::string> Columns::choice_columns() const {
  for (auto const& column : columns_)
    if (column.holds_lists() && can_be_named(column.name()) &&
        is_one_of(column.name(), {"choices", "options", "endings", "candidates"}))
      return {column.name()};
  std::map<std::string, std::map<int, std::string>> numbered;  // choice0, choice1, ... by stem and number
  for (auto const& column : columns_) {
    auto const& name = column.name();
    auto const stem = name.find_last_not_of("0123456789") + 1;
    if (stem > 0 && stem < name.size() && name.size() - stem <= 2 && can_be_named(name))
      numbered[name.substr(0, stem)][std::stoi(name.substr(stem))] = name;
  }
  for (auto const& [stem, columns] : numbered) {
    if (columns.size() < 2 || !is_one_of(stem, {"choice", "option", "ending", "candidate", "answer"})) continue;
    if (columns.size() < 3 && is_one_of(stem, {"answer"})) continue;  // a pair of texts
    std::vector<std::string> names;
    for (auto const& [number, name] : columns) names.push_back(name);
    return names;
  }
  return {};
}

std::size_t Columns::most_choices(std::vector<std::string> const& choices) const {
  return choices.size() == 1 ? find(choices.front())->longest_list() : choices.size();
}

bool Columns::says_which(Column const& column, std::vector<std::string> const& choices) const {
  if (!is_called_a_label(column.name()) || !column.has_values()) return false;
  if (column.numbers_one_of(most_choices(choices))) return true;
  auto const& values = column.values();
  auto const is_choice = [&](auto const& value) {
    return std::any_of(choices.begin(), choices.end(),
                       [&](auto const& name) { return find(name)->values().contains(value.first); });
  };
  auto const n = static_cast<std::size_t>(std::count_if(values.begin(), values.end(), is_choice));
  return 2 * n > values.size();  // not of every value is it known where it stands
}

std::optional<DiscoveredTask> Columns::choice_task(std::vector<std::string> const& choices) const {
  Column const* text = nullptr;
  Column const* label = nullptr;
  for (auto const& column : columns_) {
    bool const is_choice = std::find(choices.begin(), choices.end(), column.name()) != choices.end();
    if (is_choice || !can_be_named(column.name())) continue;
    if (label == nullptr && says_which(column, choices))
      label = &column;
    else if (column.is_text() && (text == nullptr || text_rank(text->name()) < text_rank(column.name())))
      text = &column;
  }
  if (text == nullptr || label == nullptr) return std::nullopt;
  DiscoveredTask found;
  found.spec.type = task::TaskType::MultipleChoice;
  found.spec.text = {text->name()};
  found.spec.choices = choices;
  found.spec.label = label->name();
  found.facts = fmt::format("{} questions, up to {} choices each", label->n_values(), most_choices(choices));
  return found;
}

Column const* Columns::find(std::string const& name) const {
  auto const at = index_.find(name);
  return at == index_.end() ? nullptr : &columns_[at->second];
}

std::string Columns::why_no_tasks() const {
  if (has_too_many_) return fmt::format("has more than {} columns", kMostColumns);
  if (!choice_columns().empty())
    return "has several choices a row, and beside them no text, or no column that says which choice is right";
  for (auto const& column : columns_)
    if (column.has_comma_lists() && is_called_a_label(column.name()))
      return fmt::format("column {} holds labels with commas between them; write | instead", quote(column.name()));
  return std::any_of(columns_.begin(), columns_.end(), [](auto const& column) { return column.is_text(); })
             ? "has a text, and no column beside it that reads like labels"
             : "has no column that reads like a text";
}

std::map<std::string, std::size_t> span_labels(std::vector<Row> const& rows, std::optional<int> tags_column) {
  std::map<std::string, std::size_t> labels;
  for (auto const& row : rows) {
    std::vector<std::string> tags;
    for (auto const& columns : row.words) {
      std::size_t const at = tags_column ? static_cast<std::size_t>(*tags_column - 1) : columns.size() - 1;
      tags.push_back(at < columns.size() ? columns[at] : "O");
    }
    for (auto const& span : task::spans_of_tags(tags)) ++labels[span.label];
  }
  return labels;
}

}  // namespace polytask::data
