#include "data/row_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/nearest.h"
#include "base/utf8.h"
#include "data/internal/answer_label.h"
#include "data/internal/choices.h"
#include "data/internal/readers.h"
#include "task/bio.h"

namespace polytask::data {

std::string describe(Value const& value) {
  struct Describer {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(std::string const& text) const { return quote(text); }
    std::string operator()(std::vector<std::string> const& list) const {
      return fmt::format("a list of {}", list.size());
    }
    std::string operator()(std::vector<task::Span> const& list) const {
      return fmt::format("a list of {} spans", list.size());
    }
    std::string operator()(OtherJson const& json) const { return quote(json.text); }
  };
  return std::visit(Describer{}, value);
}

namespace {

Error bad(std::string_view where, std::string const& reason) {
  return {ErrorCode::InvalidInput, fmt::format("{}: {}", where, reason)};
}

bool is_empty(Value const* value) {
  if (value == nullptr || std::holds_alternative<std::monostate>(*value)) return true;
  auto const* text = std::get_if<std::string>(value);
  return text != nullptr && text->empty();
}

/// A list in a field that can only hold text: JSON, when it looks like it.
Result<Value> unpack_list(Value const& value, std::string_view where) {
  auto const* text = std::get_if<std::string>(&value);
  if (text == nullptr || !text->starts_with('[')) return value;
  auto parsed = parse_value(*text);
  if (!parsed) return bad(where, fmt::format("{} is not a JSON list ({})", quote(*text), parsed.error().what()));
  return parsed;
}

Result<task::Label> class_label(Value const& value, std::string const& column, std::string_view where) {
  if (auto const* text = std::get_if<std::string>(&value)) return task::Label(*text);
  if (std::holds_alternative<std::int64_t>(value) || std::holds_alternative<bool>(value))
    return task::Label(describe(value));
  // Tools that know no missing whole numbers write 3 as 3.0.
  if (auto const* number = std::get_if<double>(&value);
      number != nullptr && std::floor(*number) == *number && std::abs(*number) < 0x1p53)
    return task::Label(fmt::format("{:.0f}", *number));
  return bad(where, fmt::format("column {} is {}; expected one label (text or a whole number)", quote(column),
                                describe(value)));
}

Result<task::Label> label_list(Value const& packed, std::string const& column, std::string_view where) {
  auto const value = unpack_list(packed, where);
  if (!value) return value.error();
  std::vector<std::string> labels;
  if (auto const* list = std::get_if<std::vector<std::string>>(&*value)) {
    labels = *list;
  } else if (auto const* text = std::get_if<std::string>(&*value)) {
    for (std::size_t begin = 0; begin <= text->size();) {
      std::size_t const end = std::min(text->find('|', begin), text->size());
      if (end > begin) labels.push_back(text->substr(begin, end - begin));
      begin = end + 1;
    }
  } else if (std::holds_alternative<std::int64_t>(*value)) {
    labels.push_back(describe(*value));
  } else {
    return bad(where, fmt::format("column {} is {}; expected a list of labels, or labels with | between them",
                                  quote(column), describe(*value)));
  }
  if (std::find(labels.begin(), labels.end(), std::string()) != labels.end())
    return bad(where, fmt::format("column {} holds an empty label; remove or name it", quote(column)));
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return task::Label(std::move(labels));
}

constexpr double kLargestNumber = 1e100;  // squares of numbers are summed

Result<task::Label> number_label(Value const& value, std::string const& column, std::string_view where) {
  double number = std::nan("");
  if (auto const* whole = std::get_if<std::int64_t>(&value)) number = static_cast<double>(*whole);
  if (auto const* real = std::get_if<double>(&value)) number = *real;
  if (auto const* text = std::get_if<std::string>(&value)) {
    auto const [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size()) number = std::nan("");
  }
  if (!(std::abs(number) <= kLargestNumber))
    return bad(where, fmt::format("column {} is {}; expected a number from {:.0e} to {:.0e}", quote(column),
                                  describe(value), -kLargestNumber, kLargestNumber));
  return task::Label(number);
}

/// Spans in code points -> bytes, sorted, checked against the text.
Result<task::Label> span_label(Value const& packed, std::string const& column, task::Example const& example,
                               std::string_view where) {
  auto const value = unpack_list(packed, where);
  if (!value) return value.error();
  auto const* spans = std::get_if<std::vector<task::Span>>(&*value);
  auto const* empty = std::get_if<std::vector<std::string>>(&*value);
  if (spans == nullptr && (empty == nullptr || !empty->empty()))
    return bad(where,
               fmt::format("column {} is {}; expected [[start, end, \"LABEL\"], ...] in characters, end exclusive",
                           quote(column), describe(*value)));
  std::vector<task::Span> result;
  if (spans == nullptr) return task::Label(result);
  Utf8Offsets const offsets(example.texts[0]);
  for (auto const& span : *spans) {
    auto const begin = offsets.to_bytes(span.begin);
    auto const end = offsets.to_bytes(span.end);
    if (!begin || !end || span.begin >= span.end || span.label.empty())
      return bad(
          where,
          fmt::format(
              "the span [{}, {}, {}] does not fit a text of {} characters; expected 0 <= start < end <= {} and a label",
              span.begin, span.end, quote(span.label), offsets.n_code_points(), offsets.n_code_points()));
    result.push_back({*begin, *end, span.label});
  }
  std::sort(result.begin(), result.end(), [](auto const& a, auto const& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < result.size(); ++i)
    if (result[i].begin < result[i - 1].end)
      return bad(
          where,
          fmt::format("the spans {} and {} overlap; a word can carry one label",
                      quote(example.texts[0].substr(result[i - 1].begin, result[i - 1].end - result[i - 1].begin)),
                      quote(example.texts[0].substr(result[i].begin, result[i].end - result[i].begin))));
  return task::Label(std::move(result));
}

std::size_t column_index(std::optional<int> declared, std::size_t missing) {
  return declared ? static_cast<std::size_t>(*declared - 1) : missing;
}

Result<task::Label> tag_label(Row const& row, task::Example const& example, task::TaskSpec const& task,
                              std::string_view where) {
  std::vector<std::string> tags;
  bool any = false;
  for (std::size_t i = 0; i < row.words.size(); ++i) {
    auto const& columns = row.words[i];
    std::size_t const at = column_index(task.tags_column, columns.size() - 1);
    std::size_t const words_at = column_index(task.tokens_column, 0);
    if (at >= columns.size() || (at == words_at && !task.tags_column)) {
      tags.emplace_back();
      continue;
    }
    any = true;
    tags.push_back(columns[at]);
  }
  if (!any) return task::Label{};  // a file of words alone: nothing is labelled
  for (std::size_t i = 0; i < tags.size(); ++i)
    if (!task::is_tag(tags[i]))
      return bad(where, fmt::format("word {} ({}) has the tag {}; expected O or B-, I-, E-, S- and a label", i + 1,
                                    quote(row.words[i][0]), quote(tags[i])));
  std::vector<task::Span> spans;
  for (auto const& span : task::spans_of_tags(tags))
    spans.push_back({example.words[span.begin].begin, example.words[span.end - 1].end, span.label});
  return task::Label(std::move(spans));
}

}  // namespace

RowReader::~RowReader() = default;

Value const* Row::find(std::string_view column) const {
  for (auto const& [name, value] : fields)
    if (name == column) return &value;
  return nullptr;
}

std::optional<Format> format_of(std::filesystem::path const& path) {
  auto name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  for (auto const* end : {".jsonl", ".ndjson", ".json"})
    if (name.ends_with(end)) return Format::Jsonl;
  if (name.ends_with(".csv")) return Format::Csv;
  if (name.ends_with(".tsv")) return Format::Tsv;
  for (auto const* end : {".conll", ".bio", ".iob"})
    if (name.ends_with(end)) return Format::Conll;
  if (name.ends_with(".conllu")) return Format::Conllu;
  return std::nullopt;
}

std::string_view to_string(Format format) {
  switch (format) {
    case Format::Jsonl: return "jsonl";
    case Format::Csv: return "csv";
    case Format::Tsv: return "tsv";
    case Format::Conll: return "conll";
    case Format::Conllu: return "conllu";
    case Format::Squad: return "squad";
    case Format::Lines: return "lines";
    case Format::Text: return "text";
  }
  expects(false, "every format has a name");
  return {};
}

std::optional<Format> parse_format(std::string_view word) {
  for (auto const format : {Format::Jsonl, Format::Csv, Format::Tsv, Format::Conll, Format::Conllu, Format::Squad,
                            Format::Lines, Format::Text})
    if (to_string(format) == word) return format;
  return std::nullopt;
}

namespace {

std::unique_ptr<RowReader> make_reader(std::unique_ptr<ByteSource> bytes, Format format, std::string name,
                                       RowReaderOptions const& options) {
  switch (format) {
    case Format::Jsonl: return make_jsonl_reader(std::move(bytes), std::move(name), options);
    case Format::Csv: return make_csv_reader(std::move(bytes), std::move(name), ',', options);
    case Format::Tsv: return make_csv_reader(std::move(bytes), std::move(name), '\t', options);
    case Format::Conll: return make_conll_reader(std::move(bytes), std::move(name), options);
    case Format::Conllu: return make_conllu_reader(std::move(bytes), std::move(name), options);
    case Format::Squad: return make_squad_reader(std::move(bytes), std::move(name), options);
    case Format::Lines: return make_lines_reader(std::move(bytes), std::move(name), options);
    case Format::Text: return make_text_reader(std::move(bytes), std::move(name), options);
  }
  expects(false, "every format has a reader");
  return {};
}

}  // namespace

bool is_columnar(std::filesystem::path const& path) {
  auto extension = path.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return extension == ".parquet" || extension == ".arrow" || extension == ".feather";
}

std::unique_ptr<RowReader> open_rows(std::filesystem::path const& path, RowReaderOptions const& options) {
  auto const format = options.format ? options.format : format_of(path);
  if (!format && is_columnar(path))
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: {}", path.string(), kColumnarAdvice));
  if (!format)
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("{}: the format follows the extension, and this one is not known; expected .jsonl, .csv, "
                    ".tsv, .conll or .conllu, each .gz too, or the format itself (\"format\" of the dataset, --format)",
                    path.string()));
  return make_reader(open_bytes(path), *format, path.string(), options);
}

std::unique_ptr<RowReader> read_rows(std::istream& input, Format format, std::string name,
                                     RowReaderOptions const& options) {
  return make_reader(bytes_of(input), format, std::move(name), options);
}

Result<task::Example> example_of(Row const& row, task::TaskSpec const& task, std::string_view where) {
  task::Example example{.id = row.id, .apart = task.encodes_apart(), .line = row.line};
  if (!row.words.empty()) {
    if (!task.text.empty())
      return bad(where,
                 fmt::format("task {} reads the column {}, but a CoNLL file has no named columns; leave \"text\" out",
                             quote(task.name), quote(task.text[0])));
    std::string text;
    for (auto const& columns : row.words) {
      std::size_t const at = column_index(task.tokens_column, 0);
      if (at >= columns.size() || columns[at].empty())
        return bad(where, fmt::format("a line has no column {} for the word", at + 1));
      if (!text.empty()) text += ' ';
      std::size_t const begin = text.size();
      text += columns[at];
      example.words.push_back({begin, text.size()});
    }
    example.texts.push_back(std::move(text));
    return example;
  }
  for (auto const& column : task.text) {
    auto const* value = row.find(column);
    if (value == nullptr) {
      std::vector<std::string> names;
      for (auto const& field : row.fields) names.push_back(field.first);
      return bad(where, fmt::format("the row has no column {}{}", quote(column), did_you_mean(column, names)));
    }
    if (auto const* text = std::get_if<std::string>(value))
      example.texts.push_back(*text);
    else if (std::holds_alternative<std::int64_t>(*value) || std::holds_alternative<double>(*value))
      example.texts.push_back(describe(*value));
    else
      return bad(where, fmt::format("column {} is {}; expected text", quote(column), describe(*value)));
  }
  if (example.texts.empty())
    return bad(where, fmt::format("task {} names no text column; add \"text\"", quote(task.name)));
  if (task::reads_choices(task)) {
    auto choices = choices_of(row, task, where);
    if (!choices) return choices.error();
    example.texts.insert(example.texts.end(), choices->begin(), choices->end());
  }
  return example;
}

Result<task::Example> unlabelled_example_of(Row const& row, task::TaskSpec const& task, std::string_view where) {
  if (!row.words.empty()) return example_of(row, task, where);
  task::Example example{.id = row.id, .line = row.line};
  for (auto const& column : task.text) {
    auto const* value = row.find(column);
    if (value == nullptr || std::holds_alternative<std::monostate>(*value)) continue;
    if (auto const* text = std::get_if<std::string>(value)) {
      if (!text->empty()) example.texts.push_back(*text);
    } else if (std::holds_alternative<std::int64_t>(*value) || std::holds_alternative<double>(*value)) {
      example.texts.push_back(describe(*value));
    } else {
      return bad(where, fmt::format("column {} is {}; expected text", quote(column), describe(*value)));
    }
  }
  return example;
}

Result<task::Label> label_of(Row const& row, task::Example const& example, task::TaskSpec const& task,
                             std::string_view where) {
  if (!row.words.empty()) {
    if (task.type == task::TaskType::Tagging) return tag_label(row, example, task, where);
    return bad(where, fmt::format("task {} is {}, but a CoNLL file carries only tags", quote(task.name),
                                  task::to_string(task.type)));
  }
  if (task.type == task::TaskType::Span) return answer_label(row, example, task, where);
  auto const& column = task.type == task::TaskType::Tagging ? task.spans : task.label;
  auto const* value = row.find(column);
  if (is_empty(value)) return task::Label{};
  switch (task.type) {
    case task::TaskType::Classification: return class_label(*value, column, where);
    case task::TaskType::Multilabel: return label_list(*value, column, where);
    case task::TaskType::Regression: return number_label(*value, column, where);
    case task::TaskType::Tagging: return span_label(*value, column, example, where);
    case task::TaskType::MultipleChoice: return choice_label(*value, example, column, where);
    case task::TaskType::Span: break;
  }
  expects(false, "every task type has labels");
  return task::Label{};
}

}  // namespace polytask::data
