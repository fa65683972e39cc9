// Sentences of one word a line, columns apart by tabs or spaces, blank lines between sentences.
#include <fmt/format.h>

#include "base/utf8.h"
#include "data/internal/readers.h"

namespace polytask::data {
namespace {

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

/// "# text = ..." or "# slots: ..." before the first word of a sentence. A lone "#" is a word, and so is "#" with a tag
/// in a second column.
bool is_comment(std::string_view line) {
  if (!line.starts_with("# ")) return false;
  auto const key = line.substr(2, line.find(' ', 2) - 2);
  return line.find(" = ") != std::string_view::npos || (key.size() > 1 && key.ends_with(':'));
}

std::vector<std::string> columns_of(std::string_view line) {
  std::vector<std::string> columns;
  bool const tabs = line.find('\t') != std::string_view::npos;
  std::string_view const separators = tabs ? "\t" : " ";
  for (std::size_t begin = 0; begin <= line.size();) {
    std::size_t const end = std::min(line.find_first_of(separators, begin), line.size());
    // With spaces a run of them separates once; with tabs an empty column is a column.
    if (tabs || end > begin) columns.emplace_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  while (!columns.empty()) {  // white space before the end of the line is nobody's column
    auto& last = columns.back();
    while (!last.empty() && last.back() == ' ') last.pop_back();
    if (!last.empty()) break;
    columns.pop_back();
  }
  return columns;
}

constexpr std::size_t kUniversalColumns = 10;

/// A line with a number and ten columns; nothing where it is a range of words or an empty one.
std::optional<Result<std::vector<std::string>>> universal_word(std::string_view line) {
  auto columns = columns_of(line);
  if (columns.size() != kUniversalColumns)
    return Result<std::vector<std::string>>(
        Error(ErrorCode::InvalidInput, fmt::format("the line has {} columns, expected the {} of CoNLL-U, apart by tabs",
                                                   columns.size(), kUniversalColumns)));
  if (columns[0].find_first_of("-.") != std::string::npos) return std::nullopt;
  if (columns[1].empty())
    return Result<std::vector<std::string>>(
        Error(ErrorCode::InvalidInput, "the line has no word in its second column"));
  for (std::size_t const at : {std::size_t{3}, std::size_t{4}, std::size_t{7}})
    columns[at] = columns[at] == "_" || columns[at].empty() ? "O" : "S-" + columns[at];
  return Result<std::vector<std::string>>(std::move(columns));
}

enum class Dialect { Tagged, Universal };

class ConllReader final : public RowReader {
 public:
  ConllReader(std::unique_ptr<ByteSource> bytes, std::string name, RowReaderOptions const& options, Dialect dialect)
      : dialect_(dialect),
        lines_(std::move(bytes), options.max_row_bytes),
        name_(std::move(name)),
        max_row_bytes_(options.max_row_bytes) {}

  std::optional<Result<Row>> next() override {
    Row row;
    std::optional<Error> failed;
    std::size_t n_bytes = 0;
    while (auto const line = lines_.next()) {
      if (!line->too_long && is_blank(line->text)) {
        if (!row.words.empty() || failed) break;
        continue;
      }
      if (row.words.empty() && !failed) row.line = lines_.number();
      if (dialect_ == Dialect::Universal
              ? line->text.starts_with('#')
              : row.words.empty() && (is_comment(line->text) || line->text.starts_with("-DOCSTART-")))
        continue;
      n_bytes += line->text.size();
      if (failed) continue;  // the rest of a sentence that cannot be read
      if (line->too_long || n_bytes > max_row_bytes_)
        failed = error(fmt::format(
            "the sentence is longer than {} bytes, the most that is read; is a blank line missing?", max_row_bytes_));
      else if (auto const bad = find_invalid_utf8(line->text))
        failed = error(fmt::format("byte {} of the line ({}) is not UTF-8; save the file as UTF-8", *bad + 1,
                                   quote(line->text.substr(*bad, 1))));
      else if (dialect_ == Dialect::Universal) {
        auto word = universal_word(line->text);
        if (word && *word)
          row.words.push_back(std::move(**word));
        else if (word)
          failed = error(word->error().what());
      } else if (auto columns = columns_of(line->text); columns.empty() || columns.front().empty())
        failed = error("the line has no word in its first column");
      else
        row.words.push_back(std::move(columns));
    }
    if (failed) return Result<Row>(*failed);
    if (row.words.empty()) return std::nullopt;
    return Result<Row>(std::move(row));
  }

 private:
  [[nodiscard]] Error error(std::string const& reason) const {
    return {ErrorCode::InvalidInput, fmt::format("{}:{}: {}", name_, lines_.number(), reason)};
  }

  Dialect dialect_;
  LineReader lines_;
  std::string name_;
  std::size_t max_row_bytes_;
};

}  // namespace

std::unique_ptr<RowReader> make_conll_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                             RowReaderOptions const& options) {
  return std::make_unique<ConllReader>(std::move(bytes), std::move(name), options, Dialect::Tagged);
}

std::unique_ptr<RowReader> make_conllu_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                              RowReaderOptions const& options) {
  return std::make_unique<ConllReader>(std::move(bytes), std::move(name), options, Dialect::Universal);
}

}  // namespace polytask::data
