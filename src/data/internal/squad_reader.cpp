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
    while (waiting_.empty()) {
      if (questions_)
        add_next_question();
      else if (place_ != Place::End)
        walk();
      else if (is_holding_)
        release();
      else
        return std::nullopt;
    }
    auto row = std::move(waiting_.front());
    waiting_.pop_front();
    return row;
  }

 private:
  enum class Place { Begin, Root, Data, Article, Paragraphs, End };

  /// In their order. Those of an article wait for its title, which may stand behind them, but not for ever.
  void emit(Result<Row> row, std::size_t n_bytes = 0) {
    constexpr std::size_t kMostHeld = std::size_t{64} << 20U;
    (is_holding_ ? held_ : waiting_).push_back(std::move(row));
    held_bytes_ += n_bytes;
    if (is_holding_ && held_bytes_ > kMostHeld) release();
  }
  void release() {
    auto const title = parse_value(title_.empty() ? "null" : title_);
    bool const is_there = !title_.empty() && title;
    for (auto& row : held_) {
      if (!is_there || !row || row->find("title") != nullptr) {
        waiting_.push_back(std::move(row));
        continue;
      }
      auto titled = std::move(row).value();
      titled.fields.emplace_back("title", *title);
      waiting_.emplace_back(std::move(titled));
    }
    held_.clear();
    held_bytes_ = 0;
    is_holding_ = false;
  }

  /// A row that cannot be read; the next ones can.
  void fail(std::size_t line, std::string const& reason) {
    last_line_ = std::max(line, last_line_ + 1);
    emit(Error(ErrorCode::InvalidInput, fmt::format("{}:{}: {}", name_, last_line_, reason)));
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
        is_holding_ = true;
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
    if (!another('}')) {
      release();
      return leave_to(Place::Data);
    }
    auto const name = key();
    if (place_ == Place::End) return;
    if (name == "paragraphs") {
      if (take('[', "the list \"paragraphs\"")) enter(Place::Paragraphs);
    } else if (name == "title") {
      constexpr std::size_t kLongestTitle = 10'000;
      auto const captured = capture(kLongestTitle);
      if (captured && !captured->too_long && !find_invalid_utf8(captured->text)) title_ = captured->text;
      if (!title_.empty()) release();
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
    Questions found{.first_line = line};
    bool const is_object = parsed.get(paragraph) == simdjson::SUCCESS;
    for (auto const* name : {"context", "qas"})
      if (is_object &&
          std::count_if(paragraph.begin(), paragraph.end(), [&](auto const& field) { return field.key == name; }) > 1)
        return fail(line, fmt::format("the paragraph has \"{}\" twice", name));
    if (!is_object || paragraph["context"].get(found.context) != simdjson::SUCCESS ||
        paragraph["qas"].get(found.list) != simdjson::SUCCESS)
      return fail(line, "the paragraph has no text \"context\" or no list \"qas\"");
    constexpr std::size_t kMostCopied = std::size_t{1} << 30U;
    if (found.list.size() > 0 && found.context.size() > kMostCopied / found.list.size())
      return fail(line, fmt::format("the paragraph has {} questions to a context of {} bytes, and each row has its own "
                                    "copy: more than {} MiB; cut the context",
                                    found.list.size(), found.context.size(), kMostCopied >> 20U));
    found.at = found.list.begin();
    found.lines = lines_of_items(text, "qas");
    questions_ = std::move(found);
  }

  /// One at a time, as each has its own copy of the context.
  void add_next_question() {
    auto& from = *questions_;
    if (from.at == from.list.end()) return questions_.reset();
    auto const line = from.first_line + (from.n_taken < from.lines.size() ? from.lines[from.n_taken] : 0);
    add_question(*from.at, from.context, line);
    ++from.at;
    ++from.n_taken;
  }

  /// A list with something in it, or texts and places side by side.
  static bool holds_any(simdjson::simdjson_result<element> const& answers) {
    simdjson::dom::array list;
    object lists;
    if (answers.get(list) == simdjson::SUCCESS) return list.size() > 0;
    return answers.get(lists) == simdjson::SUCCESS && (lists["text"].get(list) != simdjson::SUCCESS || list.size() > 0);
  }

  void add_question(element const& item, std::string_view context, std::size_t line) {
    object question;
    std::string_view text;
    if (item.get(question) != simdjson::SUCCESS || question["question"].get(text) != simdjson::SUCCESS)
      return fail(line, "an item of \"qas\" has no text \"question\"");
    bool is_impossible = false, says_possible = false;
    if (auto const given = question["is_impossible"]; given.error() == simdjson::SUCCESS && !given.is_null()) {
      if (given.get(is_impossible) != simdjson::SUCCESS)
        return fail(line, fmt::format("\"is_impossible\" of the question {} is {}; expected true or false", quote(text),
                                      simdjson::minify(given.value_unsafe())));
      says_possible = !is_impossible;
    }
    bool const has_answers = holds_any(question["answers"]);
    if (is_impossible && has_answers)
      return fail(line, fmt::format("the question {} is impossible and has answers; take the one or the other away",
                                    quote(text)));
    bool const says_none = is_impossible && !has_answers;
    bool const is_unknown = says_possible && !has_answers;  // it has an answer, and nobody says which
    last_line_ = std::max(line, last_line_ + 1);
    Row row{.line = last_line_};
    row.fields.emplace_back("context", std::string(context));
    if (!title_.empty())
      if (auto title = parse_value(title_)) row.fields.emplace_back("title", *title);
    for (auto const [name, value] : question) {
      if (row.find(name) != nullptr || ((says_none || is_unknown) && name == "answers")) continue;
      if (name == "id") row.id = simdjson::minify(value);
      auto found = parse_value(simdjson::minify(value));
      if (found) row.fields.emplace_back(std::string(name), *found);
    }
    if (says_none) row.fields.emplace_back("answers", std::vector<std::string>());
    emit(std::move(row), context.size());
  }

  /// Of the last paragraph, which the parser holds.
  struct Questions {
    std::size_t first_line = 0;
    std::string_view context;
    simdjson::dom::array list{};
    simdjson::dom::array::iterator at{};
    std::vector<std::size_t> lines{};
    std::size_t n_taken = 0;
  };

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
  std::deque<Result<Row>> held_;  ///< of an article whose title has not come
  bool is_holding_ = false;
  std::size_t held_bytes_ = 0;
  simdjson::dom::parser parser_;
  std::optional<Questions> questions_;
};

}  // namespace

std::unique_ptr<RowReader> make_squad_reader(std::unique_ptr<ByteSource> bytes, std::string name,
                                             RowReaderOptions const& options) {
  return std::make_unique<SquadReader>(std::move(bytes), std::move(name), options);
}

}  // namespace polytask::data
