// {"data": [{"title": .., "paragraphs": [{"context": .., "qas": [{"id": .., "question": .., "answers": [..]}]}]}]}:
// the skeleton is walked byte by byte, each paragraph is parsed as a whole.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "base/utf8.h"
#include "data/internal/readers.h"

namespace polytask::data {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view kShape = "expected {\"data\": [{\"paragraphs\": [{\"context\": .., \"qas\": [..]}]}]}";

bool is_space(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// How many lines below the first one each object of the list `key` begins.
std::vector<std::size_t> lines_of_items(std::string_view json, std::string_view key) {
  std::vector<std::size_t> lines;
  std::size_t line = 0, depth = 0, begin = 0;
  bool in_string = false, in_items = false;
  std::string_view last;  // string of the outermost object
  for (std::size_t i = 0; i < json.size(); ++i) {
    char const c = json[i];
    line += c == '\n';
    if (in_string) {
      if (c == '\\') ++i;
      if (c != '"') continue;
      in_string = false;
      if (depth == 1) last = json.substr(begin, i - begin);
    } else if (c == '"') {
      in_string = true;
      begin = i + 1;
    } else if (c == '{' || c == '[') {
      if (c == '{' && depth == 2 && in_items) lines.push_back(line);
      in_items = in_items || (c == '[' && depth == 1 && last == key);
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth == 1) in_items = false;
    }
  }
  return lines;
}

class SquadReader final : public RowReader {
 public:
  SquadReader(std::unique_ptr<ByteSource> bytes, std::string name, RowReaderOptions const& options)
      : source_(std::move(bytes)), name_(std::move(name)), max_bytes_(options.max_row_bytes) {}

  std::optional<Result<Row>> next() override {
    while (waiting_.empty() && place_ != Place::End) walk();
    if (waiting_.empty()) return std::nullopt;
    auto row = std::move(waiting_.front());
    waiting_.pop_front();
    return row;
  }

 private:
  enum class Place { Begin, Root, Data, Article, Paragraphs, End };

  /// A row that cannot be read; the next ones can.
  void fail(std::size_t line, std::string const& reason) {
    last_line_ = std::max(line, last_line_ + 1);
    waiting_.emplace_back(Error(ErrorCode::InvalidInput, fmt::format("{}:{}: {}", name_, last_line_, reason)));
  }
  /// Nothing behind it can be read.
  void give_up(std::string const& reason) {
    fail(line_, fmt::format("{}; {}", reason, kShape));
    place_ = Place::End;
  }

  int get() {
    int const c = source_.get();
    line_ += c == '\n';
    return c;
  }
  int skip_space() {
    while (is_space(source_.peek())) get();
    return source_.peek();
  }
  std::string shown(int c) const { return c < 0 ? "the end of the file" : quote(std::string(1, static_cast<char>(c))); }

  /// Whether there is another item in the container, which ends with `close`.
  bool another(char close) {
    int c = skip_space();
    if (c == close) {
      get();
      is_first_ = false;
      return false;
    }
    if (!std::exchange(is_first_, false)) {
      if (c != ',') return give_up(fmt::format("{} stands where \",\" or \"{}\" should", shown(c), close)), false;
      get();
      c = skip_space();
    }
    return true;
  }

  bool take(char wanted, char const* what) {
    if (int const c = skip_space(); c != wanted)
      return give_up(fmt::format("{} stands where {} should begin", shown(c), what)), false;
    get();
    return true;
  }

  /// A whole value, as it is written; only so much of it is kept. Nothing where the file ends before it does.
  struct Captured {
    std::string text;
    bool too_long = false;
  };
  std::optional<Captured> capture(std::size_t most_bytes) {
    Captured captured;
    std::size_t depth = 0;
    bool in_string = false, escaped = false;
    skip_space();
    for (;;) {
      int const c = source_.peek();
      if (c < 0) return give_up("the file ends inside a value"), std::nullopt;
      bool const ends_scalar = !in_string && depth == 0 && (is_space(c) || c == ',' || c == ']' || c == '}');
      if (ends_scalar) break;
      get();
      if (captured.text.size() < most_bytes)
        captured.text.push_back(static_cast<char>(c));
      else
        captured.too_long = true;
      if (in_string) {
        if (std::exchange(escaped, false)) continue;
        escaped = c == '\\';
        in_string = c != '"';
        if (!in_string && depth == 0) break;
        continue;
      }
      in_string = c == '"';
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) break;
    }
    return captured;
  }

  /// A key and its colon; "" where there is none.
  std::string key() {
    constexpr std::size_t kLongestKey = 1'000;
    if (int const c = skip_space(); c != '"') return give_up(fmt::format("{} stands where a key should", shown(c))), "";
    auto const captured = capture(kLongestKey);
    if (!captured || !take(':', "the value of a key")) return "";
    // A key with escapes in it is none that is looked for.
    return captured->text.size() < 2 ? "" : captured->text.substr(1, captured->text.size() - 2);
  }

  void enter(Place place) {
    place_ = place;
    is_first_ = true;
  }
  /// Of a value that nobody asks for.
  void skip_value() { (void)capture(0); }

  void walk() {
    switch (place_) {
      case Place::Begin:
        if (take('{', "a document")) enter(Place::Root);
        return;
      case Place::Root: return walk_root();
      case Place::Data:
        if (!another(']')) return leave_to(Place::Root);
        title_.clear();
        if (take('{', "an article")) enter(Place::Article);
        return;
      case Place::Article: return walk_article();
      case Place::Paragraphs:
        if (!another(']')) return leave_to(Place::Article);
        return read_paragraph();
      case Place::End: return;
    }
  }

  void leave_to(Place place) {
    if (place_ != Place::End) place_ = place;
  }

  void walk_root() {
    if (!another('}')) {
      if (place_ == Place::End) return;
      if (!has_data_) return give_up("the document has no \"data\"");
      if (int const c = skip_space(); c >= 0) return give_up(fmt::format("{} stands behind the document", shown(c)));
      place_ = Place::End;
      return;
    }
    auto const name = key();
    if (place_ == Place::End) return;
    if (name != "data") return skip_value();
    has_data_ = true;
    if (take('[', "the list \"data\"")) enter(Place::Data);
  }

  void walk_article() {
    if (!another('}')) return leave_to(Place::Data);
    auto const name = key();
    if (place_ == Place::End) return;
    if (name == "paragraphs") {
      if (take('[', "the list \"paragraphs\"")) enter(Place::Paragraphs);
    } else if (name == "title") {
      constexpr std::size_t kLongestTitle = 10'000;
      auto const captured = capture(kLongestTitle);
      if (captured && !captured->too_long && !find_invalid_utf8(captured->text)) title_ = captured->text;
    } else {
      skip_value();
    }
  }

  void read_paragraph() {
    skip_space();
    auto const line = line_;
    auto const captured = capture(max_bytes_);
    if (!captured) return;
    if (captured->too_long)
      return fail(line,
                  fmt::format("the paragraph is longer than {} bytes, the most that is read; cut it", max_bytes_));
    auto const& text = captured->text;
    if (auto const bad = find_invalid_utf8(text))
      return fail(line, fmt::format("byte {} of the paragraph ({}) is not UTF-8; save the file as UTF-8", *bad + 1,
                                    quote(text.substr(*bad, 1))));
    object paragraph;
    auto const parsed = parser_.parse(text.data(), text.size());
    if (parsed.error() != simdjson::SUCCESS)
      return fail(line, fmt::format("the paragraph is not JSON ({})", simdjson::error_message(parsed.error())));
    std::string_view context;
    simdjson::dom::array questions;
    if (parsed.get(paragraph) != simdjson::SUCCESS || paragraph["context"].get(context) != simdjson::SUCCESS ||
        paragraph["qas"].get(questions) != simdjson::SUCCESS)
      return fail(line, "the paragraph has no text \"context\" or no list \"qas\"");
    auto const lines = lines_of_items(text, "qas");
    std::size_t i = 0;
    for (auto const question : questions) {
      add_question(question, context, line + (i < lines.size() ? lines[i] : 0));
      ++i;
    }
  }

  void add_question(element const& item, std::string_view context, std::size_t line) {
    object question;
    std::string_view text;
    if (item.get(question) != simdjson::SUCCESS || question["question"].get(text) != simdjson::SUCCESS)
      return fail(line, "an item of \"qas\" has no text \"question\"");
    bool is_impossible = false;
    if (auto const given = question["is_impossible"]; given.error() == simdjson::SUCCESS && given.is_bool())
      is_impossible = given.get_bool().value_unsafe();
    simdjson::dom::array answers;
    bool const has_answers = question["answers"].get(answers) == simdjson::SUCCESS;
    if (is_impossible && has_answers && answers.size() > 0)
      return fail(line, fmt::format("the question {} is impossible and has answers; take the one or the other away",
                                    quote(text)));
    last_line_ = std::max(line, last_line_ + 1);
    Row row{.line = last_line_};
    row.fields.emplace_back("context", std::string(context));
    if (!title_.empty())
      if (auto title = parse_value(title_)) row.fields.emplace_back("title", *title);
    for (auto const [name, value] : question) {
      if (row.find(name) != nullptr) continue;
      if (name == "id") row.id = simdjson::minify(value);
      auto found = parse_value(simdjson::minify(value));
      if (found) row.fields.emplace_back(std::string(name), *found);
    }
    if (is_impossible && !has_answers) row.fields.emplace_back("answers", std::vector<std::string>());
    waiting_.emplace_back(std::move(row));
  }

  CharacterSource source_;
  std::string name_;
  std::size_t max_bytes_;
  Place place_ = Place::Begin;
  bool is_first_ = true;  ///< no item of the container has come yet
  bool has_data_ = false;
  std::string title_;  ///< of the article, as JSON
  std::size_t line_ = 1;
  std::size_t last_line_ = 0;  ///< of the last row: every row has a line of its own
  std::deque<Result<Row>> waiting_;
  simdjson::dom::parser parser_;
};

}  // namespace

std::unique_ptr<RowReader> make_squad_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                             RowReaderOptions const& options) {
  return std::make_unique<SquadReader>(std::move(bytes), std::move(name), options);
}

}  // namespace polytask::data
