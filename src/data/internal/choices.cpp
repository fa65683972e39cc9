#include "data/internal/choices.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "base/nearest.h"
#include "data/internal/readers.h"

namespace polytask::data {
namespace {

Error bad(std::string_view where, std::string const& reason) {
  return {ErrorCode::InvalidInput, fmt::format("{}: {}", where, reason)};
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

bool is_absent(Value const* value) {
  if (value == nullptr || std::holds_alternative<std::monostate>(*value)) return true;
  auto const* text = std::get_if<std::string>(value);
  return text != nullptr && is_blank(*text);
}

Result<std::vector<std::string>> listed_choices(Row const& row, std::string const& column, std::string_view where) {
  auto const* value = row.find(column);
  if (value == nullptr) {
    std::vector<std::string> names;
    for (auto const& field : row.fields) names.push_back(field.first);
    return bad(where, fmt::format("the row has no column {}{}", quote(column), did_you_mean(column, names)));
  }
  auto const* text = std::get_if<std::string>(value);
  auto const parsed = text != nullptr && text->starts_with('[') ? parse_value(*text) : Result<Value>(*value);
  auto const* list = parsed ? std::get_if<std::vector<std::string>>(&*parsed) : nullptr;
  if (list == nullptr)
    return bad(where, fmt::format("column {} is {}; expected a list of texts, the choices, or one column for each of "
                                  "them under \"choices\"",
                                  quote(column), describe(*value)));
  for (std::size_t i = 0; i < list->size(); ++i)
    if (is_blank((*list)[i]))
      return bad(where, fmt::format("choice {} of column {} is empty; fill it in, or take it out of the list", i,
                                    quote(column)));
  return *list;
}

Result<std::vector<std::string>> choices_in_columns(Row const& row, std::vector<std::string> const& columns,
                                                    std::string_view where) {
  std::vector<std::string> choices;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto const* value = row.find(columns[i]);
    if (is_absent(value)) continue;
    if (choices.size() < i)
      return bad(where, fmt::format("column {} is empty, and {} behind it is not; expected the row's choices in the "
                                    "first columns of \"choices\"",
                                    quote(columns[choices.size()]), quote(columns[i])));
    if (auto const* text = std::get_if<std::string>(value))
      choices.push_back(*text);
    else if (std::holds_alternative<std::int64_t>(*value) || std::holds_alternative<double>(*value))
      choices.push_back(describe(*value));
    else
      return bad(where, fmt::format("column {} is {}; expected a text, one of the row's choices", quote(columns[i]),
                                    describe(*value)));
  }
  return choices;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> number_in(Value const& value) {
  if (auto const* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (auto const* text = std::get_if<std::string>(&value)) return whole_number(*text);
  auto const* real = std::get_if<double>(&value);  // tools that know no missing whole numbers write 3 as 3.0
  if (real == nullptr || std::floor(*real) != *real || std::abs(*real) >= 0x1p53) return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

/// Of so many choices; nothing where there is none of that number.
std::optional<std::size_t> place_of(std::optional<std::int64_t> number, std::size_t n_choices) {
  if (!number || *number < 0 || *number >= static_cast<std::int64_t>(n_choices)) return std::nullopt;
  return static_cast<std::size_t>(*number);
}

}  // namespace

std::vector<std::string> columns_read(task::TaskSpec const& task) {
  auto columns = task.text;
  columns.insert(columns.end(), task.choices.begin(), task.choices.end());
  return columns;
}

Result<std::vector<std::string>> choices_of(Row const& row, task::TaskSpec const& task, std::string_view where) {
  auto choices = task.choices.size() == 1 ? listed_choices(row, task.choices.front(), where)
                                          : choices_in_columns(row, task.choices, where);
  if (!choices) return choices.error();
  if (choices->size() < task::kFewestChoices || choices->size() > task::kMostChoices)
    return bad(where, fmt::format("the row has {} choice{}; expected {} to {}", choices->size(),
                                  choices->size() == 1 ? "" : "s", task::kFewestChoices, task::kMostChoices));
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < choices->size(); ++i)
    if (auto const [first, is_new] = places.emplace((*choices)[i], i); !is_new)
      return bad(where, fmt::format("the choices {} and {} are both {}, so neither can be right alone; change one, or "
                                    "take it out",
                                    first->second, i, quote((*choices)[i])));
  return choices;
}

Result<task::Label> choice_label(Value const& value, task::Example const& example, std::string const& column,
                                 std::string_view where) {
  auto const choices = std::span(example.texts).subspan(1);
  auto const number = number_in(value);
  auto const by_number = place_of(number, choices.size());
  auto const* text = std::get_if<std::string>(&value);
  std::optional<std::size_t> by_text;
  if (text != nullptr)
    if (auto const found = std::find(choices.begin(), choices.end(), *text); found != choices.end())
      by_text = static_cast<std::size_t>(found - choices.begin());
  if (by_number && by_text && *by_number != *by_text)
    return bad(where, fmt::format("column {} is {}, which is the text of choice {} and the number of choice {} ({}); "
                                  "write the number of the right one without quotes in JSONL",
                                  quote(column), quote(*text), *by_text, *by_number, quote(choices[*by_number])));
  if (by_text || by_number) return task::Label(task::Choice{by_text ? *by_text : *by_number});
  auto const expected = fmt::format("expected the number of the right one of {} choices, 0 to {}, or its text",
                                    choices.size(), choices.size() - 1);
  if (number) return bad(where, fmt::format("column {} is {}; {}", quote(column), *number, expected));
  if (text == nullptr) return bad(where, fmt::format("column {} is {}; {}", quote(column), describe(value), expected));
  return bad(where, fmt::format("column {} is {}, the text of none of the row's choices{}; {}", quote(column),
                                quote(*text), did_you_mean(*text, {choices.begin(), choices.end()}), expected));
}

}  // namespace polytask::data
