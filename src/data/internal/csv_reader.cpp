// RFC 4180 with any separator, lenient as Python's csv module is, but for a quote that was left open over several
// lines.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "data/internal/readers.h"

namespace polytask::data {
namespace {

/// More columns than any table has: a header of so many is not one.
constexpr std::size_t kMostColumns = 10'000;

class CsvReader final : public RowReader {
 public:
  CsvReader(std::unique_ptr<ByteSource> bytes, std::string name, char separator, RowReaderOptions const& options)
      : source_(std::move(bytes)),
        name_(std::move(name)),
        separator_(separator),
        options_(options),
        columns_(options.columns) {}

  std::optional<Result<Row>> next() override {
    if (columns_.empty() && !header_failed_) {
      if (auto failed = read_header()) return std::move(*failed);
    }
    if (header_failed_) return std::nullopt;
    auto record = read_record();
    if (std::exchange(is_first_, false) && record && *record && fields_ == options_.columns) record = read_record();
    if (!record) return std::nullopt;
    if (!*record) return record->error();
    auto& fields = fields_;
    if (n_fields_ != columns_.size())
      return fail(
          fmt::format("the row has {} fields, expected {} ({}); quote fields that hold a separator or a line end",
                      n_fields_, columns_.size(), options_.columns.empty() ? "as the header" : "as \"columns\" says"));
    Row row{.line = first_line_};
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (columns_[i] == "id") row.id = id_of(fields[i]);
      row.fields.emplace_back(columns_[i], std::move(fields[i]));
    }
    return row;
  }

 private:
  Result<Row> fail(std::string const& reason) const {
    return Error(ErrorCode::InvalidInput, fmt::format("{}:{}: {}", name_, first_line_, reason));
  }

  /// A whole number stays one in the answers; everything else is text.
  static std::string id_of(std::string const& field) {
    bool number = !field.empty() && field.size() < 16 && (field == "0" || field[0] != '0');
    for (char const c : field) number = number && c >= '0' && c <= '9';
    if (number) return field;
    std::string text = "\"";
    for (char const c : field) {
      if (c == '"' || c == '\\') text.push_back('\\');
      if (static_cast<unsigned char>(c) < 0x20)
        text += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      else
        text.push_back(c);
    }
    return text + "\"";
  }

  std::optional<Result<Row>> read_header() {
    auto record = read_record();
    if (!record) {
      header_failed_ = true;
      return fail("the file is empty; expected a header with the names of the columns");
    }
    if (!*record) {
      header_failed_ = true;
      return record->error();
    }
    auto sorted = fields_;
    std::sort(sorted.begin(), sorted.end());
    auto const twice = std::adjacent_find(sorted.begin(), sorted.end());
    header_failed_ = n_fields_ > kMostColumns || twice != sorted.end();
    if (n_fields_ > kMostColumns)
      return fail(fmt::format("the header names {} columns; at most {} are read", n_fields_, kMostColumns));
    if (header_failed_)
      return fail(
          fmt::format("the column {} stands twice in the header; rename one (a file without a header needs \"columns\" "
                      "in polytask.yaml)",
                      quote(*twice)));
    columns_ = fields_;
    return std::nullopt;
  }

  /// Reads a record into `fields_`; nothing at the end. Blank lines are skipped.
  std::optional<Result<bool>> read_record() {
    while (source_.peek() == '\n' || source_.peek() == '\r') take_line_end();
    if (source_.peek() < 0) return std::nullopt;
    fields_.clear();
    n_fields_ = 0;
    n_bytes_ = 0;
    first_line_ = line_;
    bool is_left_open = false;  // a quote was forgotten, and a later row's quote closed the field
    bool more = true;
    while (more) {
      std::string field;
      auto const line_of_field = line_;
      bool const is_quoted = source_.peek() == '"';
      if (is_quoted) {
        source_.get();
        if (!read_quoted(field))
          return Result<bool>(fail("a quoted field that begins in this row never ends; close it, or write a quote "
                                   "inside a field as \"\"")
                                  .error());
      }
      auto const n_quoted = field.size();
      bool const spans_lines = is_quoted && line_ > line_of_field;
      more = read_plain(field);
      if (spans_lines && field.size() > n_quoted) is_left_open = true;
      // A row of nothing but separators is counted, not held.
      if (++n_fields_ <= kMostColumns) fields_.push_back(std::move(field));
    }
    if (is_left_open)
      return Result<bool>(fail("a quoted field goes over several lines, and more text stands after its closing quote; "
                               "close the quote where the field ends, or write a quote inside a field as \"\"")
                              .error());
    if (n_bytes_ > options_.max_row_bytes)
      return Result<bool>(fail(fmt::format("the row is longer than {} bytes, the most that is read; cut its text",
                                           options_.max_row_bytes))
                              .error());
    for (auto const& field : fields_)
      if (auto const bad = find_invalid_utf8(field))
        return Result<bool>(
            fail(fmt::format("byte {} of the field {} is not UTF-8; save the file as UTF-8", *bad + 1, quote(field)))
                .error());
    return Result<bool>(true);
  }

  void take(std::string& field, int c) {
    if (++n_bytes_ <= options_.max_row_bytes) field.push_back(static_cast<char>(c));
  }

  void take_line_end() {
    int const c = source_.get();
    if (c == '\r' && source_.peek() == '\n') source_.get();
    ++line_;
  }

  /// False when the file ends inside the quotes.
  bool read_quoted(std::string& field) {
    while (true) {
      int const c = source_.get();
      if (c < 0) return false;
      if (c == '"') {
        if (source_.peek() != '"') return true;
        source_.get();
      }
      // CR LF and a lone CR are line ends too, as outside the quotes.
      if (c == '\n' || (c == '\r' && source_.peek() != '\n')) ++line_;
      take(field, c);
    }
  }

  /// Up to the end of the field; true when another one follows.
  bool read_plain(std::string& field) {
    while (true) {
      int const c = source_.peek();
      if (c < 0) return false;
      if (c == '\n' || c == '\r') {
        take_line_end();
        return false;
      }
      source_.get();
      if (c == separator_) {
        ++n_bytes_;
        return true;
      }
      take(field, c);
    }
  }

  CharacterSource source_;
  std::string name_;
  char separator_;
  RowReaderOptions options_;
  std::vector<std::string> columns_;
  std::vector<std::string> fields_;
  std::size_t line_ = 1;
  std::size_t first_line_ = 1;
  std::size_t n_fields_ = 0;  ///< of the record; `fields_` holds at most kMostColumns
  std::size_t n_bytes_ = 0;
  bool header_failed_ = false;
  bool is_first_ = true;  ///< no row was given yet
};

}  // namespace

std::unique_ptr<RowReader> make_csv_reader(std::unique_ptr<ByteSource> bytes, std::string name, char separator,
                                           RowReaderOptions const& options) {
  return std::make_unique<CsvReader>(std::move(bytes), std::move(name), separator, options);
}

}  // namespace polytask::data
