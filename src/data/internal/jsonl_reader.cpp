#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "data/internal/json_items.h"
#include "data/internal/readers.h"

namespace polytask::data {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

std::string json_text(element const& value) { return simdjson::minify(value); }

/// {"start": 3, "end": 7, "label": "PLACE"}, or "span": [3, 7] and "type", as published sets have them.
std::optional<task::Span> named_span(element const& item) {
  simdjson::dom::object object;
  if (item.get(object) != simdjson::SUCCESS) return std::nullopt;
  std::int64_t begin = -1, end = -1;
  std::string_view label;
  simdjson::dom::array borders;
  if (object["span"].get(borders) == simdjson::SUCCESS && borders.size() == 2) {
    if (borders.at(0).get(begin) != simdjson::SUCCESS || borders.at(1).get(end) != simdjson::SUCCESS)
      return std::nullopt;
  } else if (object["start"].get(begin) != simdjson::SUCCESS || object["end"].get(end) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  if (object["label"].get(label) != simdjson::SUCCESS && object["type"].get(label) != simdjson::SUCCESS)
    return std::nullopt;
  if (begin < 0 || end < 0) return std::nullopt;
  return task::Span{static_cast<std::size_t>(begin), static_cast<std::size_t>(end), std::string(label)};
}

std::optional<task::Span> span_of(element const& item) {
  simdjson::dom::array triple;
  if (item.is_object()) return named_span(item);
  if (item.get(triple) != simdjson::SUCCESS || triple.size() != 3) return std::nullopt;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::string_view label;
  if (triple.at(0).get(begin) != simdjson::SUCCESS || triple.at(1).get(end) != simdjson::SUCCESS ||
      triple.at(2).get(label) != simdjson::SUCCESS)
    return std::nullopt;
  if (begin < 0 || end < 0) return std::nullopt;
  return task::Span{static_cast<std::size_t>(begin), static_cast<std::size_t>(end), std::string(label)};
}

/// A scalar as the text of a label: 3 -> "3", true -> "true".
std::optional<std::string> scalar_text(element const& item) {
  std::string_view text;
  if (item.get(text) == simdjson::SUCCESS) return std::string(text);
  if (item.is_int64() || item.is_uint64() || item.is_bool() || item.is_double()) return json_text(item);
  return std::nullopt;
}

Value value_of(element const& item) {
  switch (item.type()) {
    case element_type::NULL_VALUE: return std::monostate{};
    case element_type::BOOL: return bool(item);
    case element_type::INT64: return std::int64_t(item);
    case element_type::UINT64: return double(std::uint64_t(item));
    case element_type::DOUBLE: return double(item);
    case element_type::STRING: return std::string(std::string_view(item));
    case element_type::OBJECT: return OtherJson{json_text(item)};
    default: break;
  }
  if (item.type() != element_type::ARRAY) return OtherJson{json_text(item)};
  std::vector<std::string> texts;
  std::vector<task::Span> spans;
  std::size_t n = 0;
  for (auto const child : simdjson::dom::array(item)) {
    ++n;
    if (auto span = span_of(child))
      spans.push_back(std::move(*span));
    else if (auto text = scalar_text(child))
      texts.push_back(std::move(*text));
  }
  if (texts.size() == n) return texts;
  if (spans.size() == n) return spans;
  return OtherJson{json_text(item)};
}

class JsonlReader final : public RowReader {
 public:
  JsonlReader(std::unique_ptr<ByteSource> bytes, std::string name, RowReaderOptions const& options)
      : lines_(std::move(bytes), options.max_row_bytes),
        items_(options.max_row_bytes),
        name_(std::move(name)),
        max_row_bytes_(options.max_row_bytes) {}

  std::optional<Result<Row>> next() override {
    if (is_document_) return next_item();
    while (auto const line = lines_.next()) {
      if (line->too_long)
        return fail(
            fmt::format("the row is longer than {} bytes, the most that is read; cut its text", max_row_bytes_));
      auto const start = line->text.find_first_not_of(" \t");
      if (start == std::string_view::npos) continue;
      if (!std::exchange(has_begun_, true) && is_list_of_objects(line->text.substr(start))) {
        is_document_ = true;
        items_.feed(line->text, lines_.number());
        return next_item();
      }
      return parse(line->text, lines_.number());
    }
    return std::nullopt;
  }

 private:
  Result<Row> fail(std::string const& reason) const { return fail(reason, lines_.number()); }
  Result<Row> fail(std::string const& reason, std::size_t line) const {
    return Error(ErrorCode::InvalidInput, fmt::format("{}:{}: {}", name_, line, reason));
  }

  /// Rather than a row that is no object.
  static bool is_list_of_objects(std::string_view line) {
    if (line.front() != '[') return false;
    auto const second = line.find_first_not_of(" \t", 1);
    return second == std::string_view::npos || line[second] == '{';
  }

  std::optional<Result<Row>> end_of_list() {
    if (std::exchange(is_broken_, true)) return std::nullopt;
    auto rest = items_.rest();
    for (;;) {
      if (rest.find_first_not_of(" \t\r\n") != std::string_view::npos)
        return fail("something stands behind the end of the list; keep one list, or write one object a line",
                    std::max(lines_.number(), items_.line() + 1));
      auto const line = lines_.next();
      if (!line) return std::nullopt;
      rest = line->text;
    }
  }

  /// Of a document that is a list of objects.
  std::optional<Result<Row>> next_item() {
    for (;;) {
      switch (items_.next()) {
        case JsonItems::State::Ended: return end_of_list();
        case JsonItems::State::Item: return parse(items_.item(), items_.line());
        case JsonItems::State::TooLong:
          return fail(
              fmt::format("the row is longer than {} bytes, the most that is read; cut its text", max_row_bytes_),
              items_.line());
        case JsonItems::State::NeedsLine: break;
      }
      auto const line = lines_.next();
      if (line && !line->too_long) {
        items_.feed(line->text, lines_.number());
        continue;
      }
      if (std::exchange(is_broken_, true)) return std::nullopt;
      if (line)
        return fail(
            fmt::format("a line of the list is longer than {} bytes, the most that is read; write one object a line",
                        max_row_bytes_),
            std::max(lines_.number(), items_.line() + 1));
      return fail("the list has no end; expected \"]\" behind its last object",
                  std::max(lines_.number(), items_.line()) + 1);
    }
  }

  Result<Row> parse(std::string_view text, std::size_t line) {
    if (auto const bad = find_invalid_utf8(text))
      return fail(fmt::format("byte {} of the line ({}) is not UTF-8; save the file as UTF-8", *bad + 1,
                              quote(text.substr(*bad, 1))),
                  line);
    simdjson::dom::object object;
    auto const parsed = parser_.parse(text.data(), text.size());
    if (parsed.error() != simdjson::SUCCESS)
      return fail(fmt::format("{} is not JSON ({}); expected one JSON object a line", quote(text),
                              simdjson::error_message(parsed.error())),
                  line);
    if (parsed.get(object) != simdjson::SUCCESS)
      return fail(fmt::format("{} is not a JSON object; expected {{\"column\": value, ...}}", quote(text)), line);
    Row row{.line = line};
    std::vector<std::string_view> keys;
    for (auto const [key, value] : object) {
      keys.push_back(key);
      row.fields.emplace_back(std::string(key), value_of(value));
      if (key == "id") row.id = json_text(value);
    }
    std::sort(keys.begin(), keys.end());
    if (auto const twice = std::adjacent_find(keys.begin(), keys.end()); twice != keys.end())
      return fail(fmt::format("the key {} stands twice in the row; keep one", quote(*twice)), line);
    return row;
  }

  LineReader lines_;
  JsonItems items_;
  std::string name_;
  std::size_t max_row_bytes_;
  bool has_begun_ = false, is_document_ = false, is_broken_ = false;
  simdjson::dom::parser parser_;
};

}  // namespace

Result<Value> parse_value(std::string_view json) {
  simdjson::dom::parser parser;
  auto const parsed = parser.parse(json.data(), json.size());
  if (parsed.error() != simdjson::SUCCESS)
    return Error(ErrorCode::InvalidInput, simdjson::error_message(parsed.error()));
  return value_of(parsed.value_unsafe());
}

std::unique_ptr<RowReader> make_jsonl_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                             RowReaderOptions const& options) {
  return std::make_unique<JsonlReader>(std::move(bytes), std::move(name), options);
}

}  // namespace polytask::data
