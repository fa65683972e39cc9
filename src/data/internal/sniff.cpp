#include "data/internal/sniff.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>

#include "base/error.h"
#include "data/internal/columns.h"
#include "data/internal/line_source.h"
#include "data/internal/readers.h"

namespace polytask::data {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;  // unpacked; more is not looked at
constexpr std::size_t kMostRows = 200;

Sniffed unknown(std::string reason) {
  Sniffed nothing;
  nothing.reason = std::move(reason);
  return nothing;
}

Sniffed as(Format format) {
  Sniffed found;
  found.format = format;
  return found;
}

/// What an error says behind the name of the file.
std::string reason_of(Error const& error, std::string const& name) {
  std::string const message = error.what();
  auto const at = message.starts_with(name) ? name.size() : message.find(": ");
  auto const start = at == std::string::npos ? std::string::npos : message.find_first_not_of(": ", at);
  return start == std::string::npos ? message : message.substr(start);
}

/// The beginning of a file.
std::string beginning_of(std::filesystem::path const& file) {
  auto source = open_bytes(file);
  std::string bytes(kMostBytes, '\0');
  std::size_t n = 0;
  while (n < bytes.size()) {
    auto const more = source->read(bytes.data() + n, bytes.size() - n);
    if (more == 0) break;
    n += more;
  }
  bytes.resize(n);
  return bytes;
}

/// The first rows that a reader takes from these bytes, and its first error.
struct FirstRows {
  std::vector<Row> rows;
  std::size_t n_errors = 0;
  std::string error;
};

FirstRows first_rows(std::string const& bytes, Format format, std::vector<std::string> const& columns) {
  std::istringstream stream(bytes);
  auto reader = read_rows(stream, format, "x", {.format = format, .columns = columns});
  FirstRows found;
  while (found.rows.size() + found.n_errors < kMostRows) {
    auto row = reader->next();
    if (!row) break;
    if (*row)
      found.rows.push_back(std::move(**row));
    else if (++found.n_errors == 1)
      found.error = reason_of(row->error(), "x");
  }
  return found;
}

/// Documents of SQuAD are long, and often one line.
bool is_squad(std::string const& bytes) {
  auto const start = bytes.find_first_not_of("\xEF\xBB\xBF \t\r\n");
  return start != std::string::npos && bytes[start] == '{' && bytes.find("\"paragraphs\"") != std::string::npos &&
         !first_rows(bytes, Format::Squad, {}).rows.empty();
}

/// "O" or a border and a name: B-PERSON.
bool is_tag(std::string const& word) {
  return word == "O" ||
         (word.size() > 2 && word[1] == '-' && std::string_view("BIESLU").find(word[0]) != std::string_view::npos);
}

bool is_number(std::string const& word) {
  return !word.empty() && word.find_first_not_of("0123456789.-+eE") == std::string::npos &&
         word.find_first_of("0123456789") != std::string::npos;
}

std::optional<Sniffed> as_conll(std::string const& bytes) {
  std::size_t n_words = 0, n_same = 0, n_columns = 0;
  std::vector<std::size_t> n_tags, n_borders, n_numbers;
  for (auto const& row : first_rows(bytes, Format::Conll, {}).rows)
    for (auto const& columns : row.words) {
      if (n_words++ == 0) {
        n_columns = columns.size();
        for (auto* counts : {&n_tags, &n_borders, &n_numbers}) counts->assign(n_columns, 0);
      }
      if (columns.size() != n_columns) continue;
      ++n_same;
      for (std::size_t i = 0; i < n_columns; ++i) {
        n_tags[i] += is_tag(columns[i]);
        n_borders[i] += is_tag(columns[i]) && columns[i] != "O";
        n_numbers[i] += is_number(columns[i]);
      }
    }
  // A published file or another has a line that is broken.
  auto const most = [&](std::size_t n) { return 50 * n >= 49 * n_same; };
  if (n_words < 3 || n_columns < 2 || 50 * n_same < 49 * n_words) return std::nullopt;
  for (std::size_t i = n_columns - 1; i > 0; --i) {
    if (!most(n_tags[i]) || n_borders[i] == 0) continue;
    auto found = as(Format::Conll);
    if (i + 1 < n_columns) found.tags_column = static_cast<int>(i + 1);
    if (i > 1 && most(n_numbers[0])) found.tokens_column = 2;  // the first column counts the words
    return found;
  }
  return std::nullopt;
}

std::string text_in(Row const& row, std::size_t column) {
  auto const* text = std::get_if<std::string>(&row.fields[column].second);
  return text == nullptr ? std::string() : *text;
}

/// Whether the first row names the columns. Names are known words, or stand over numbers, or are short and come once.
bool is_header(std::vector<std::string> const& names, std::vector<Row> const& rows) {
  if (std::any_of(names.begin(), names.end(), [](auto const& name) {
        return name.find(' ') == std::string::npos && (is_called_a_label(name) || text_rank(name) > 0);
      }))
    return true;
  bool stands_over_numbers = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    bool all_numbers = !rows.empty();
    for (auto const& row : rows) {
      if (text_in(row, i) == names[i]) return false;  // a value that others have too
      all_numbers = all_numbers && is_number(text_in(row, i));
    }
    if (all_numbers && is_number(names[i])) return false;
    stands_over_numbers = stands_over_numbers || (all_numbers && !names[i].empty());
  }
  return stands_over_numbers || std::all_of(names.begin(), names.end(), [](auto const& name) {
           return name.size() <= 40 && !is_number(name) && std::count(name.begin(), name.end(), ' ') <= 2;
         });
}

Sniffed as_table(std::string const& bytes, Format format) {
  auto const below = first_rows(bytes, format, {});  // the first row read as names
  if (below.rows.empty()) return unknown(below.n_errors > 0 ? below.error : "has one row alone");
  if (below.rows.front().fields.size() < 2) return unknown("has not two columns");
  std::vector<std::string> names;
  for (auto const& field : below.rows.front().fields) names.push_back(field.first);
  auto found = as(format);
  if (!is_header(names, below.rows))
    for (std::size_t i = 0; i < names.size(); ++i) found.columns.push_back(fmt::format("column{}", i + 1));
  return found;
}

Sniffed sniff_bytes(std::filesystem::path const& file) {
  if (is_columnar(file)) return unknown(fmt::format("is not read: {}", kColumnarAdvice));
  auto bytes = beginning_of(file);
  if (is_squad(bytes)) return as(Format::Squad);
  if (bytes.size() == kMostBytes) bytes.resize(bytes.find_last_of('\n') + 1);  // none: nothing is left
  if (bytes.empty()) {
    std::error_code ignored;
    return unknown(std::filesystem::file_size(file, ignored) == 0 ? "is empty" : "has lines of more than a megabyte");
  }
  if (bytes.find('\0') != std::string::npos) return unknown("is not text, or UTF-16; save it as UTF-8");
  auto const start = bytes.find_first_not_of("\xEF\xBB\xBF \t\r\n");
  if (start == std::string::npos) return unknown("is empty");
  auto const line = bytes.substr(start, bytes.find_first_of("\r\n", start) - start);
  if (line.front() == '{') {
    if (auto const parsed = parse_value(line))
      return as(Format::Jsonl);
    else if (line.find_last_not_of(" \t") != 0 && line[line.find_last_not_of(" \t")] == '}')
      return unknown(fmt::format("its first line is not a JSON object that can be read ({})", parsed.error().what()));
    return unknown("is one JSON document; expected one object a line");
  }
  auto const by_name = format_of(file);
  if (by_name == Format::Conllu) {
    auto found = as(Format::Conllu);
    found.tokens_column = 2;
    found.tags_column = 4;
    return first_rows(bytes, Format::Conllu, {}).rows.empty() ? unknown("has no sentence of CoNLL-U's ten columns")
                                                              : found;
  }
  auto const second = line.find_first_not_of(" \t", 1);
  if (line.front() == '[' && (second == std::string::npos || line[second] == '{')) {
    auto const first = first_rows(bytes, Format::Jsonl, {});
    if (!first.rows.empty()) return as(Format::Jsonl);
    return unknown("is one JSON document; expected a list of objects, or one object a line");
  }
  if (auto const conll = as_conll(bytes)) return *conll;
  if (by_name == Format::Csv || by_name == Format::Tsv) return as_table(bytes, *by_name);
  if (line.front() == '[') return unknown("is one JSON document; expected a list of objects, or one object a line");
  std::istringstream lines(bytes);
  bool has_tabs = true;
  for (std::string one; has_tabs && std::getline(lines, one);) has_tabs = one.find('\t') != std::string::npos;
  if (has_tabs) return as_table(bytes, Format::Tsv);
  return unknown("has no rows that are known: JSON objects, columns, or words with tags");
}

}  // namespace

Sniffed sniff(std::filesystem::path const& file) {
  try {
    return sniff_bytes(file);
  } catch (Error const& error) {
    return unknown(reason_of(error, file.string()));
  }
}

}  // namespace polytask::data
