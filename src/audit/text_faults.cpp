#include "audit/text_faults.h"

#include <algorithm>
#include <array>
#include <utility>

#include "audit/near_duplicates.h"
#include "base/utf8.h"

namespace polytask::audit {
namespace {

constexpr std::size_t kFewestTexts = 20;
constexpr std::size_t kCodePoints = 32;
constexpr std::size_t kWideCodePoints = 16;

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_element(std::string_view name) {
  static constexpr std::array<std::string_view, 26> kElements{
      "a",    "b", "body", "br", "code", "div", "em",  "font",   "h1",   "h2",     "h3",    "head", "hr",
      "html", "i", "img",  "li", "ol",   "p",   "pre", "script", "span", "strong", "table", "td",   "ul"};
  std::string lower;
  for (char const c : name) lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  return std::find(kElements.begin(), kElements.end(), lower) != kElements.end();
}

/// "<br/>", "</p>", "<a href=...>": an element of HTML and its end.
bool is_tag_at(std::string_view text, std::size_t at) {
  std::size_t begin = at + 1;
  if (begin < text.size() && text[begin] == '/') ++begin;
  std::size_t end = begin;
  while (end < text.size() && (is_ascii_letter(text[end]) || (text[end] >= '0' && text[end] <= '9'))) ++end;
  if (end == begin || !is_element(text.substr(begin, end - begin))) return false;
  auto const close = text.find_first_of("<>", end);
  return close != std::string_view::npos && text[close] == '>' &&
         (text[end] == '>' || text[end] == '/' || text[end] == ' ');
}

/// "&amp;", "&#39;", "&#x27;".
bool is_entity_at(std::string_view text, std::size_t at) {
  auto const end = text.substr(0, std::min(text.size(), at + 10)).find(';', at + 1);
  if (end == std::string_view::npos) return false;
  auto const name = text.substr(at + 1, end - at - 1);
  if (name.size() > 1 && name[0] == '#')
    return name.find_first_not_of("0123456789abcdefABCDEFx", 1) == std::string_view::npos;
  static constexpr std::array<std::string_view, 9> kNames{"amp",  "lt",    "gt",    "quot",  "apos",
                                                          "nbsp", "ndash", "mdash", "hellip"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// The bytes of a two- or three-byte character that became two or three characters.
bool is_broken_at(std::string_view text, std::size_t at) {
  auto const first = decode_utf8(text, at);
  if (first.code_point == 0xFFFD) return true;
  bool const leads_two = first.code_point == 0xC3 || first.code_point == 0xC2;
  bool const leads_three = first.code_point == 0xE2 || first.code_point == 0xE3;
  if ((!leads_two && !leads_three) || at + first.n_bytes >= text.size()) return false;
  auto const second = decode_utf8(text, at + first.n_bytes).code_point;
  // A continuation byte read as Latin-1 is U+0080..U+00BF; Windows-1252 has letters and marks for some of these.
  bool const is_continuation = (second >= 0x80 && second <= 0xBF) || second == 0x20AC || second == 0x201A ||
                               second == 0x192 || second == 0x2122 || second == 0x161 || second == 0x153;
  return is_continuation && !(first.code_point == 0xC2 && second == 0xA0);
}

std::size_t width_of(std::string_view text) {
  std::size_t n_wide = 0, n = 0;
  for (std::size_t at = 0; at < text.size() && n < kCodePoints; ++n) {
    auto const c = decode_utf8(text, at);
    n_wide += c.code_point >= 0x2E80;
    at += c.n_bytes;
  }
  return 2 * n_wide > n ? kWideCodePoints : kCodePoints;
}

/// Byte offset behind the first `n` code points; the size where there are fewer.
std::size_t after(std::string_view text, std::size_t n) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < n && at < text.size(); ++i) at += decode_utf8(text, at).n_bytes;
  return at;
}

/// Byte offset of the last `n` code points; 0 where there are fewer.
std::size_t last(std::string_view text, std::size_t n) {
  std::size_t at = text.size();
  for (std::size_t i = 0; i < n && at > 0; ++i) {
    do --at;
    while (at > 0 && (text[at] & 0xC0) == 0x80);
  }
  return at;
}

}  // namespace

TextFaults text_faults(std::string_view utf8) {
  TextFaults found;
  for (std::size_t at = 0; at < utf8.size(); ++at) {
    char const c = utf8[at];
    if (c == '<' && !found.markup) found.markup = is_tag_at(utf8, at);
    if (c == '&' && !found.markup) found.markup = is_entity_at(utf8, at);
    if ((c == '\xC2' || c == '\xC3' || c == '\xEF') && !found.broken_encoding)
      found.broken_encoding = is_broken_at(utf8, at);
  }
  found.empty = normalised(utf8).empty();
  return found;
}

std::vector<Boilerplate> boilerplate(std::size_t n_texts, std::function<std::string_view(std::size_t)> const& text_of,
                                     double least_share) {
  std::vector<Boilerplate> all;
  std::hash<std::string_view> const hash;
  for (bool const at_end : {false, true}) {
    auto const part_of = [&](std::size_t i) {
      auto const text = text_of(i);
      auto const n = width_of(text);
      return at_end ? text.substr(last(text, n)) : text.substr(0, after(text, n));
    };
    std::vector<std::pair<std::size_t, std::size_t>> parts;  // hash, text
    for (std::size_t i = 0; i < n_texts; ++i)
      if (auto const part = part_of(i); part.size() < text_of(i).size()) parts.emplace_back(hash(part), i);
    std::sort(parts.begin(), parts.end());
    std::size_t best = 0, n_best = 0;
    for (std::size_t begin = 0; begin < parts.size();) {
      std::size_t end = begin + 1;
      while (end < parts.size() && parts[end].first == parts[begin].first) ++end;
      if (end - begin > n_best) best = begin, n_best = end - begin;
      begin = end;
    }
    if (n_best < kFewestTexts || static_cast<double>(n_best) < least_share * static_cast<double>(n_texts)) continue;
    Boilerplate found{.words = std::string(part_of(parts[best].second)), .at_end = at_end};
    for (std::size_t i = best; i < best + n_best; ++i) found.texts.push_back(parts[i].second);
    all.push_back(std::move(found));
  }
  return all;
}

}  // namespace polytask::audit
