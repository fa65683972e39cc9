#include "data/internal/answer_label.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/utf8.h"

namespace polytask::data {
namespace {

using simdjson::dom::element;

constexpr std::string_view kExpected =
    "expected [{\"text\": .., \"answer_start\": ..}, ..], [] where the context does not answer";

Error bad(std::string_view where, std::string const& reason) {
  return {ErrorCode::InvalidInput, fmt::format("{}: {}", where, reason)};
}

std::optional<GivenAnswer> answer_in(element const& item) {
  simdjson::dom::object object;
  std::string_view text;
  std::int64_t start = 0;
  if (item.get(object) != simdjson::SUCCESS || object["text"].get(text) != simdjson::SUCCESS ||
      object["answer_start"].get(start) != simdjson::SUCCESS)
    return std::nullopt;
  return GivenAnswer{std::string(text), start};
}

/// {"text": [..], "answer_start": [..]}, as the library of Hugging Face has them.
std::optional<std::vector<GivenAnswer>> parallel_lists(element const& item) {
  simdjson::dom::object object;
  simdjson::dom::array texts, starts;
  if (item.get(object) != simdjson::SUCCESS || object["text"].get(texts) != simdjson::SUCCESS ||
      object["answer_start"].get(starts) != simdjson::SUCCESS || texts.size() != starts.size())
    return std::nullopt;
  std::vector<GivenAnswer> answers;
  auto start = starts.begin();
  for (auto const one : texts) {
    std::string_view text;
    std::int64_t at = 0;
    if (one.get(text) != simdjson::SUCCESS || (*start).get(at) != simdjson::SUCCESS) return std::nullopt;
    answers.push_back({std::string(text), at});
    ++start;
  }
  return answers;
}

std::optional<std::int64_t> whole_number(Value const& value) {
  if (auto const* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (auto const* real = std::get_if<double>(&value);
      real != nullptr && std::floor(*real) == *real && std::abs(*real) < 0x1p53)
    return static_cast<std::int64_t>(*real);
  auto const* text = std::get_if<std::string>(&value);
  std::int64_t number = 0;
  if (text == nullptr) return std::nullopt;
  auto const [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

std::vector<std::string> list_of(Value const& value) {
  if (auto const* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  if (auto const* text = std::get_if<std::string>(&value); text != nullptr && !text->empty()) return {*text};
  return {};
}

/// Plain texts, beside a column of their starts. -1 without a text says that there is none.
Result<std::optional<std::vector<GivenAnswer>>> plain_answers(Value const* value, Value const* starts,
                                                              task::TaskSpec const& task, std::string_view where) {
  using Plain = std::optional<std::vector<GivenAnswer>>;
  Value const nothing;
  auto const texts = list_of(value == nullptr ? nothing : *value);
  auto const one = starts == nullptr ? std::nullopt : whole_number(*starts);
  if (texts.empty()) {
    auto const* list = value == nullptr ? nullptr : std::get_if<std::vector<std::string>>(value);
    if (one == -1 || list != nullptr) return Plain(std::vector<GivenAnswer>());
    if (value == nullptr || std::holds_alternative<std::monostate>(*value) ||
        std::holds_alternative<std::string>(*value))
      return Plain();
    return bad(where, fmt::format("column {} holds no text; expected the answer as it stands in {}", quote(task.label),
                                  quote(task.text[1])));
  }
  std::vector<std::optional<std::int64_t>> places{one};
  if (auto const* list = starts == nullptr ? nullptr : std::get_if<std::vector<std::string>>(starts)) {
    places.clear();
    for (auto const& place : *list) places.push_back(whole_number(Value(place)));
  }
  if (places.size() != texts.size() || std::find(places.begin(), places.end(), std::nullopt) != places.end())
    return bad(where, fmt::format("column {} does not say where the {} of {} start{}; expected a whole number each",
                                  quote(task.start), texts.size() == 1 ? "answer" : "answers", quote(task.label),
                                  texts.size() == 1 ? "s" : ""));
  std::vector<GivenAnswer> answers;
  for (std::size_t i = 0; i < texts.size(); ++i) answers.push_back({texts[i], *places[i]});
  return Plain(std::move(answers));
}

Result<std::optional<std::vector<GivenAnswer>>> given_answers(Row const& row, task::TaskSpec const& task,
                                                              std::string_view where) {
  using Given = std::optional<std::vector<GivenAnswer>>;
  auto const* value = row.find(task.label);
  if (!task.start.empty()) return plain_answers(value, row.find(task.start), task, where);
  if (value == nullptr || std::holds_alternative<std::monostate>(*value)) return Given();
  auto const* text = std::get_if<std::string>(value);
  if (text != nullptr && text->empty()) return Given();
  if (auto const* list = std::get_if<std::vector<std::string>>(value); list != nullptr && list->empty())
    return Given(std::vector<GivenAnswer>());
  auto const* other = std::get_if<OtherJson>(value);
  bool const is_packed = text != nullptr && (text->front() == '[' || text->front() == '{');
  if (other == nullptr && !is_packed)
    return bad(where, text != nullptr
                          ? fmt::format("column {} is {}; {}, or name the column of its start with \"start\"",
                                        quote(task.label), quote(*text), kExpected)
                          : fmt::format("column {} holds no answers; {}", quote(task.label), kExpected));
  auto parsed = parse_answers(other != nullptr ? other->text : *text);
  if (!parsed) return bad(where, fmt::format("column {} {}", quote(task.label), parsed.error().what()));
  return Given(*parsed);
}

/// Where the text stands, nearest to where it is said to.
std::string nearest_place(std::string_view context, Utf8Offsets const& offsets, GivenAnswer const& answer) {
  constexpr std::size_t kLongestToLookFor = 4'096;  // a search costs the product of both lengths at worst
  if (answer.text.size() > kLongestToLookFor) return "copy the answer from there";
  std::optional<std::int64_t> nearest;
  for (auto at = context.find(answer.text); at != std::string_view::npos; at = context.find(answer.text, at + 1)) {
    auto const place = static_cast<std::int64_t>(offsets.to_code_points(at));
    if (!nearest || std::abs(place - answer.start) < std::abs(*nearest - answer.start)) nearest = place;
    if (place > answer.start) break;
  }
  return nearest ? fmt::format("it stands at {}", *nearest) : "it stands nowhere in it";
}

Result<task::TextPiece> piece_of(GivenAnswer const& answer, std::string const& context, Utf8Offsets const& offsets,
                                 std::string const& column, std::string_view where) {
  if (answer.text.empty())
    return bad(where, "an answer is an empty text; take it out of the list, which is empty where there is no answer");
  auto const n = static_cast<std::int64_t>(offsets.n_code_points());
  if (answer.start < 0 || answer.start > n)
    return bad(where, fmt::format("the answer {} starts at character {}, and column {} has {}; expected 0 or more, and "
                                  "less than that; {}",
                                  quote(answer.text), answer.start, quote(column), n,
                                  nearest_place(context, offsets, answer)));
  auto const begin = *offsets.to_bytes(static_cast<std::size_t>(answer.start));
  if (context.compare(begin, answer.text.size(), answer.text) != 0)
    return bad(where, fmt::format("the answer {} is said to start at character {} of column {}, where {} stands; {}",
                                  quote(answer.text), answer.start, quote(column),
                                  quote(valid_utf8(context.substr(begin, answer.text.size()))),
                                  nearest_place(context, offsets, answer)));
  return task::TextPiece{begin, begin + answer.text.size(), answer.text};
}

}  // namespace

Result<std::vector<GivenAnswer>> parse_answers(std::string_view json) {
  simdjson::dom::parser parser;
  auto const parsed = parser.parse(json.data(), json.size());
  auto const wrong = [&] { return Error(ErrorCode::InvalidInput, fmt::format("is {}; {}", quote(json), kExpected)); };
  if (parsed.error() != simdjson::SUCCESS) return wrong();
  auto const& root = parsed.value_unsafe();
  if (auto lists = parallel_lists(root)) return *lists;
  if (auto one = answer_in(root)) return std::vector<GivenAnswer>{*one};
  simdjson::dom::array list;
  if (root.get(list) != simdjson::SUCCESS) return wrong();
  std::vector<GivenAnswer> answers;
  for (auto const item : list) {
    auto answer = answer_in(item);
    if (!answer) return wrong();
    answers.push_back(std::move(*answer));
  }
  return answers;
}

Result<task::Label> answer_label(Row const& row, task::Example const& example, task::TaskSpec const& task,
                                 std::string_view where) {
  auto const given = given_answers(row, task, where);
  if (!given) return given.error();
  if (!*given) return task::Label{};
  auto const& context = example.texts.at(1);
  Utf8Offsets const offsets(context);
  task::Answers answers;
  for (auto const& answer : **given) {
    auto piece = piece_of(answer, context, offsets, task.text[1], where);
    if (!piece) return piece.error();
    answers.pieces.push_back(*piece);
  }
  return task::Label(std::move(answers));
}

}  // namespace polytask::data
