#include "eval/answer_text.h"

#include <unicode/ucasemap.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace polytask::eval {
namespace {

/// str.lower of Python: the full mappings, a sigma at the end of a word among them.
std::string lower(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  std::unique_ptr<UCaseMap, decltype(&ucasemap_close)> const map(ucasemap_open("", 0, &status), &ucasemap_close);
  std::string result(text.size() + text.size() / 2 + 16, '\0');
  for (;;) {
    status = U_ZERO_ERROR;
    auto const n = ucasemap_utf8ToLower(map.get(), result.data(), static_cast<std::int32_t>(result.size()), text.data(),
                                        static_cast<std::int32_t>(text.size()), &status);
    bool const fits = static_cast<std::size_t>(n) <= result.size();
    result.resize(static_cast<std::size_t>(n));
    if (fits) break;
  }
  expects(U_SUCCESS(status) != 0, "any text has a lower case");
  return result;
}

/// str.isspace of Python.
bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// \w of Python's regular expressions.
bool is_word_character(char32_t c) {
  auto const code = static_cast<UChar32>(c);
  return u_isalpha(code) != 0 || u_getNumericValue(code) != U_NO_NUMERIC_VALUE || c == U'_';
}

/// string.punctuation.
bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// A whole word that is an article becomes a space.
std::string without_articles(std::string const& text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    auto end = at;
    while (end < text.size()) {
      auto const [c, n, valid] = decode_utf8(text, end);
      if (!is_word_character(c)) break;
      end += n;
    }
    auto const word = std::string_view(text).substr(at, end - at);
    if (word == "a" || word == "an" || word == "the")
      result += ' ';
    else
      result += word;
    if (end < text.size()) {
      auto const n = decode_utf8(text, end).n_bytes;
      result.append(text, end, n);
      end += n;
    }
    at = end;
  }
  return result;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    auto const [c, n, valid] = decode_utf8(text, at);
    if (is_space(c)) {
      in_word = false;
    } else {
      if (!in_word) words.emplace_back();
      in_word = true;
      words.back().append(text, at, n);
    }
    at += n;
  }
  return words;
}

std::vector<std::string> characters_of(std::string_view text) {
  std::vector<std::string> characters;
  for (std::size_t at = 0; at < text.size();) {
    auto const n = decode_utf8(text, at).n_bytes;
    if (text[at] != ' ') characters.emplace_back(text.substr(at, n));
    at += n;
  }
  return characters;
}

/// F1 of two bags.
double f1(std::vector<std::string> const& gold, std::vector<std::string> const& predicted) {
  if (gold.empty() || predicted.empty()) return gold.empty() == predicted.empty() ? 1 : 0;
  std::map<std::string, int> left;
  for (auto const& part : gold) ++left[part];
  double n_same = 0;
  for (auto const& part : predicted)
    if (auto const found = left.find(part); found != left.end() && found->second-- > 0) n_same += 1;
  if (n_same == 0) return 0;
  double const precision = n_same / static_cast<double>(predicted.size());
  double const recall = n_same / static_cast<double>(gold.size());
  return 2 * precision * recall / (precision + recall);
}

}  // namespace

std::string normalized_answer(std::string_view text) {
  auto kept = lower(text);
  std::erase_if(kept, is_punctuation);
  std::string result;
  for (auto const& word : words_of(without_articles(kept))) result += (result.empty() ? "" : " ") + word;
  return result;
}

double answer_score(std::string_view name, task::Answers const& gold, std::string_view predicted) {
  bool const exact = name == "exact_match", by_token = name == "token_f1";
  if (!exact && !by_token && name != "character_f1")
    throw Error(ErrorCode::InvalidUsage, "metric " + quote(name) + " is not defined for the task type span");
  std::vector<std::string> wanted;
  for (auto const& piece : gold.pieces)
    if (auto text = normalized_answer(piece.text); !text.empty()) wanted.push_back(std::move(text));
  if (wanted.empty()) wanted.emplace_back();
  auto const said = normalized_answer(predicted);
  double best = 0;
  for (auto const& one : wanted) {
    double const score = exact      ? (one == said ? 1.0 : 0.0)
                         : by_token ? f1(words_of(one), words_of(said))
                                    : f1(characters_of(one), characters_of(said));
    best = std::max(best, score);
  }
  return best;
}

}  // namespace polytask::eval
