#include "text/internal/cut_pattern.h"

#include <fmt/format.h>
#include <unicode/regex.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/internal/unicode.h"

namespace polytask::text {
namespace {

/// ICU counts in ten thousands of steps. What is usual takes a few for each byte.
constexpr std::size_t kMostSteps = 2'000, kBytesOfAStep = 500;
constexpr std::int32_t kMostStackBytes = 8'000'000;

/// Groups that both engines read alike.
constexpr std::array<std::string_view, 7> kGroups{"?:", "?i:", "?=", "?!", "?<=", "?<!", "?>"};

/// A class of the reference library's engine, in words that both have; empty where it is none.
std::string class_of(std::string_view escape, bool in_brackets) {
  auto word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})" + new_characters(NewCharacters::Words);
  // That engine counts six numbers of Latin-1 among the words, no others of their kind, and not within brackets.
  if (!in_brackets) word += R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
  auto const letter = R"(\p{L})" + new_characters(NewCharacters::Letters);
  auto const number = R"(\p{N})" + new_characters(NewCharacters::Numbers);
  if (escape == "s") return R"(\p{White_Space})";
  if (escape == "S") return R"(\P{White_Space})";
  if (escape == "d") return R"(\p{Nd})";
  if (escape == "D") return R"(\P{Nd})";
  if (escape == "w") return "[" + word + "]";
  if (escape == "W") return "[^" + word + "]";
  if (escape == "p{L}") return "[" + letter + "]";
  if (escape == "P{L}") return "[^" + letter + "]";
  if (escape == "p{N}") return "[" + number + "]";
  if (escape == "P{N}") return "[^" + number + "]";
  return {};
}

/// What stands behind a backslash: a character, with its braces where it has some.
std::string_view escape_at(std::string_view rest) {
  bool const has_braces =
      rest.size() > 1 && rest[1] == '{' && std::string_view("pPx").find(rest[0]) != std::string_view::npos;
  return rest.substr(0, has_braces ? rest.find('}') + 1 : 1);
}

bool is_plain_escape(char c) {
  constexpr std::string_view kOfBoth = "pPrntfveaux0";
  bool const is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return !is_word || kOfBoth.find(c) != std::string_view::npos;
}

/// The pattern for ICU, or why there is none.
Result<std::string> translated(std::string_view regex) {
  auto const refused = [](std::string_view what) {
    return Error(ErrorCode::InvalidInput, fmt::format("{} is not supported", quote(what)));
  };
  std::string result;
  int depth = 0;  // of brackets
  for (std::size_t at = 0; at < regex.size(); ++at) {
    char const c = regex[at];
    auto const rest = regex.substr(at + 1);
    if (c == '\\') {
      auto const escape = escape_at(rest);
      if (escape.empty()) return refused("\\ at the end");
      if (auto const written_out = class_of(escape, depth > 0); !written_out.empty())
        result += written_out;
      else if (is_plain_escape(escape[0]))
        result.append("\\").append(escape);
      else
        return refused(regex.substr(at, 2));
      at += escape.size();
      continue;
    }
    if (depth == 0 && c == '(' && rest.starts_with('?') &&
        std::none_of(kGroups.begin(), kGroups.end(), [&](auto group) { return rest.starts_with(group); }))
      return refused(regex.substr(at, 4));
    if (depth == 0 && c == '}' && rest.starts_with('+')) return refused("}+");
    if (depth > 0 && (rest.starts_with("--") || (c == '[' && rest.starts_with(':'))))
      return refused(regex.substr(at, 3));
    if (c == '[') ++depth;
    if (c == ']' && depth > 0) --depth;
    result += c;
  }
  return result;
}

}  // namespace

struct Pattern::Regex {
  std::unique_ptr<icu::RegexPattern const> compiled;
};

Result<Pattern> Pattern::of_string(std::string text) {
  if (text.empty()) return Error(ErrorCode::InvalidInput, "is empty");
  Pattern pattern;
  pattern.text_ = std::move(text);
  return pattern;
}

Result<Pattern> Pattern::of_regex(std::string_view regex) {
  if (regex.size() > kMostBytes)
    return Error(ErrorCode::InvalidInput,
                 fmt::format("has {} bytes; at most {} are supported", regex.size(), kMostBytes));
  auto const text = translated(regex);
  if (!text) return text.error();
  auto const compiled_text =
      icu::UnicodeString::fromUTF8(icu::StringPiece(text->data(), static_cast<int>(text->size())));
  UErrorCode status = U_ZERO_ERROR;
  UParseError where{};
  std::unique_ptr<icu::RegexPattern const> compiled(
      icu::RegexPattern::compile(compiled_text, UREGEX_MULTILINE | UREGEX_UNIX_LINES, where, status));
  if (U_FAILURE(status) != 0 || !compiled)
    return Error(ErrorCode::InvalidInput, fmt::format("is not understood ({})", u_errorName(status)));
  std::unique_ptr<icu::RegexMatcher> const matcher(compiled->matcher(icu::UnicodeString(), status));
  if (U_SUCCESS(status) != 0 && matcher->find() != 0) return Error(ErrorCode::InvalidInput, "matches an empty text");
  Pattern pattern;
  pattern.regex_ = std::make_shared<Regex const>(Regex{std::move(compiled)});
  return pattern;
}

void Pattern::find(std::string_view text, std::function<void(std::size_t begin, std::size_t end)> const& found) const {
  if (!regex_) {
    for (auto at = text.find(text_); at != std::string_view::npos; at = text.find(text_, at + text_.size()))
      found(at, at + text_.size());
    return;
  }
  auto const wide = icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int>(text.size())));
  UErrorCode status = U_ZERO_ERROR;
  std::unique_ptr<icu::RegexMatcher> const matcher(regex_->compiled->matcher(wide, status));
  if (U_FAILURE(status) != 0) return;
  matcher->setTimeLimit(static_cast<std::int32_t>(kMostSteps + text.size() / kBytesOfAStep), status);
  matcher->setStackLimit(kMostStackBytes, status);
  // Matches come in order: bytes and units of UTF-16 go on side by side.
  std::size_t at_byte = 0;
  std::int32_t at_unit = 0;
  auto const byte_of = [&](std::int32_t unit) {
    while (at_unit < unit) {
      auto const decoded = decode_utf8(text, at_byte);
      at_byte += decoded.n_bytes;
      at_unit += decoded.code_point > 0xFFFF ? 2 : 1;
    }
    return at_byte;
  };
  while (matcher->find(status) != 0 && U_SUCCESS(status) != 0) {
    auto const begin = byte_of(matcher->start(status));
    auto const end = byte_of(matcher->end(status));
    if (begin < end) found(begin, end);
  }
}

}  // namespace polytask::text
