#include "audit/row_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace polytask::audit {
namespace {

constexpr std::int32_t kNone = std::numeric_limits<std::int32_t>::min();

/// Text, whole numbers and truths; other values sort nothing.
std::optional<std::string> text_of(data::Value const& value) {
  if (auto const* text = std::get_if<std::string>(&value))
    return text->empty() || text->size() > 100 ? std::nullopt : std::optional(*text);
  if (auto const* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
  if (auto const* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  return std::nullopt;
}

}  // namespace

std::optional<std::int32_t> days_of(std::string_view text) {
  if (text.size() < 10 || (text[4] != '-' && text[4] != '/') || text[7] != text[4]) return std::nullopt;
  if (text.size() > 10 && text[10] != 'T' && text[10] != ' ') return std::nullopt;
  auto const number = [&](std::size_t at, std::size_t n) {
    int value = 0;
    for (std::size_t i = at; i < at + n; ++i) {
      if (text[i] < '0' || text[i] > '9') return -1;
      value = 10 * value + (text[i] - '0');
    }
    return value;
  };
  int const year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (year < 1000 || month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
  // Days from the civil calendar, years beginning in March: the leap day is the last.
  int const y = month <= 2 ? year - 1 : year;
  int const era = y / 400, of_era = y - era * 400;
  int const of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

void RowColumns::add(std::size_t file, data::Row const& row) {
  auto& lines = lines_[file];
  auto const index = lines.size();
  lines.push_back(static_cast<std::uint32_t>(row.line));
  for (auto const& [name, value] : row.fields) {
    auto found = columns_.find(name);
    if (found == columns_.end()) {
      if (columns_.size() == kMostColumns) continue;
      found = columns_.emplace(name, Column{}).first;
    }
    auto& column = found->second;
    if (!column.sorts) continue;
    auto const text = text_of(value);
    if (!text) {
      // A list, a number with a point or a long text is nothing that sorts.
      bool const is_absent = std::holds_alternative<std::monostate>(value) ||
                             (std::holds_alternative<std::string>(value) && std::get<std::string>(value).empty());
      if (!is_absent) column = {.sorts = false};
      continue;
    }
    auto const days = days_of(*text);
    if (!column.is_time) column.is_time = days.has_value();
    std::int32_t stored = kNone;
    if (*column.is_time) {
      if (!days) {
        column = {.sorts = false};
        continue;
      }
      stored = *days;
    } else {
      auto const known = column.index.find(*text);
      if (known == column.index.end() && column.values.size() == kMostValues) {
        column = {.sorts = false};
        continue;
      }
      stored = known != column.index.end() ? known->second : static_cast<std::int32_t>(column.values.size());
      if (known == column.index.end()) {
        column.index.emplace(*text, stored);
        column.values.push_back(*text);
      }
    }
    auto& of_rows = column.of_rows[file];
    of_rows.resize(index, kNone);
    of_rows.push_back(stored);
  }
}

std::vector<std::string> RowColumns::names() const {
  std::vector<std::string> names;
  for (auto const& [name, column] : columns_)
    if (column.sorts && column.is_time && (*column.is_time || column.values.size() > 1)) names.push_back(name);
  return names;
}

std::optional<std::int32_t> RowColumns::value(std::string const& column, std::size_t file, std::size_t line) const {
  auto const& of_rows = columns_.at(column).of_rows;
  auto const values = of_rows.find(file);
  auto const lines = lines_.find(file);
  if (values == of_rows.end() || lines == lines_.end()) return std::nullopt;
  auto const at = std::lower_bound(lines->second.begin(), lines->second.end(), static_cast<std::uint32_t>(line));
  auto const index = static_cast<std::size_t>(at - lines->second.begin());
  if (at == lines->second.end() || *at != line || index >= values->second.size()) return std::nullopt;
  auto const found = values->second[index];
  return found == kNone ? std::nullopt : std::optional(found);
}

std::vector<std::string> const& RowColumns::values(std::string const& column) const {
  return columns_.at(column).values;
}

bool RowColumns::is_time(std::string const& column) const { return columns_.at(column).is_time.value_or(false); }

}  // namespace polytask::audit
