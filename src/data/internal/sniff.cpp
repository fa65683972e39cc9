#include "data/internal/sniff.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "data/internal/line_source.h"
#include "data/internal/readers.h"

namespace polytask::data {
namespace {

constexpr std::size_t kMaxLines = 400;
constexpr std::size_t kMaxLineBytes = 1 << 20;

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

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

std::vector<std::string> split_at(std::string_view line, char separator) {
  std::vector<std::string> fields;
  for (std::size_t begin = 0; begin <= line.size();) {
    auto const end = std::min(line.find(separator, begin), line.size());
    fields.emplace_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return fields;
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

std::optional<Sniffed> as_conll(std::vector<std::string> const& lines) {
  std::vector<std::vector<std::string>> words;
  for (auto const& line : lines) {
    if (is_blank(line) || line.starts_with("# ") || line.starts_with("-DOCSTART-")) continue;
    words.push_back(split_at(line, line.find('\t') != std::string::npos ? '\t' : ' '));
  }
  if (words.size() < 3) return std::nullopt;
  std::size_t const n_columns = words.front().size();
  if (n_columns < 2) return std::nullopt;
  // A published file or another has a line that is broken.
  std::size_t n_same = 0;
  std::vector<std::size_t> n_tags(n_columns, 0), n_borders(n_columns, 0), n_numbers(n_columns, 0);
  for (auto const& columns : words) {
    if (columns.size() != n_columns) continue;
    ++n_same;
    for (std::size_t i = 0; i < n_columns; ++i) {
      n_tags[i] += is_tag(columns[i]);
      n_borders[i] += is_tag(columns[i]) && columns[i] != "O";
      n_numbers[i] += is_number(columns[i]);
    }
  }
  auto const most = [&](std::size_t n) { return 50 * n >= 49 * n_same; };
  if (50 * n_same < 49 * words.size()) return std::nullopt;
  for (std::size_t i = n_columns - 1; i > 0; --i) {
    if (!most(n_tags[i]) || n_borders[i] == 0) continue;
    auto found = as(Format::Conll);
    if (i + 1 < n_columns) found.tags_column = static_cast<int>(i + 1);
    if (i > 1 && most(n_numbers[0])) found.tokens_column = 2;  // the first column counts the words
    return found;
  }
  return std::nullopt;
}

/// Names of columns are short, each once, and no numbers.
bool is_header(std::vector<std::string> const& fields) {
  std::set<std::string> const distinct(fields.begin(), fields.end());
  return distinct.size() == fields.size() && std::all_of(fields.begin(), fields.end(), [](auto const& field) {
           return !field.empty() && field.size() <= 40 && !is_number(field) &&
                  std::count(field.begin(), field.end(), ' ') <= 2;
         });
}

Sniffed as_table(std::filesystem::path const& file, Format format) {
  auto reader = make_csv_reader(open_bytes(file), file.string(), format == Format::Csv ? ',' : '\t', {});
  auto const row = reader->next();
  if (!row || !*row || (*row)->fields.size() < 2) return unknown("has not two columns");
  std::vector<std::string> header;
  for (auto const& field : (*row)->fields) header.push_back(field.first);
  auto found = as(format);
  if (!is_header(header))
    for (std::size_t i = 0; i < header.size(); ++i) found.columns.push_back(fmt::format("column{}", i + 1));
  return found;
}

Sniffed sniff_lines(std::filesystem::path const& file) {
  std::vector<std::string> lines;
  LineReader reader(open_bytes(file), kMaxLineBytes);
  while (lines.size() < kMaxLines) {
    auto const line = reader.next();
    if (!line) break;
    if (line->too_long) return unknown("has lines of more than a megabyte");
    if (line->text.find('\0') != std::string_view::npos) return unknown("is not text");
    lines.emplace_back(line->text);
  }
  auto const first = std::find_if_not(lines.begin(), lines.end(), is_blank);
  if (first == lines.end()) return unknown("is empty");
  auto const start = first->find_first_not_of(" \t");
  if ((*first)[start] == '{' && parse_value(*first)) return as(Format::Jsonl);
  if ((*first)[start] == '{' || (*first)[start] == '[')
    return unknown("is one JSON document; expected one object a line");
  if (auto const conll = as_conll(lines)) return *conll;
  auto const by_name = format_of(file);
  if (by_name == Format::Csv || by_name == Format::Tsv) return as_table(file, *by_name);
  auto const has_tab = [](auto const& line) { return line.find('\t') != std::string::npos; };
  if (std::all_of(lines.begin(), lines.end(), has_tab)) return as_table(file, Format::Tsv);
  return unknown("has no rows that are known: JSON objects, columns, or words with tags");
}

}  // namespace

Sniffed sniff(std::filesystem::path const& file) {
  try {
    return sniff_lines(file);
  } catch (Error const& error) {
    std::string const message = error.what();
    auto const at = message.find(": ");
    return unknown(at == std::string::npos ? message : message.substr(at + 2));
  }
}

}  // namespace polytask::data
