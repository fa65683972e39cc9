#include "text/internal/normalizers.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/internal/unicode.h"
#include "text/internal/unicode_forms.h"

namespace polytask::text {
namespace {

/// What map_characters leaves out: no code point.
constexpr char32_t kRemoved = 0xFFFF'FFFF;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

template <typename Function>
void for_each_character(AlignedText const& text, Function const& function) {
  for (std::size_t at = 0; at < text.bytes.size();) {
    auto const decoded = decode_utf8(text.bytes, at);
    function(decoded.code_point, at, at + decoded.n_bytes);
    at += decoded.n_bytes;
  }
}

/// Each character as what `map` makes of it.
template <typename Function>
AlignedText map_characters(AlignedText const& text, Function const& map) {
  AlignedText result;
  result.bytes.reserve(text.bytes.size());
  result.sources.reserve(text.bytes.size());
  for_each_character(text, [&](char32_t c, std::size_t begin, std::size_t) {
    if (char32_t const mapped = map(c); mapped != kRemoved) result.append(mapped, text.sources[begin]);
  });
  return result;
}

AlignedText apply(ToUnicodeForm const& step, AlignedText text) { return to_unicode_form(step.form, std::move(text)); }

AlignedText apply(ToLowercase, AlignedText text) {
  if (is_ascii(text.bytes)) {
    for (auto& c : text.bytes)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return text;
  }
  AlignedText result;
  for_each_character(text, [&](char32_t c, std::size_t begin, std::size_t) {
    result.append(c == 0x0130 ? 'i' : lower_case(c), text.sources[begin]);
    if (c == 0x0130) result.append(0x0307, text.sources[begin]);  // the one letter that becomes two
  });
  return result;
}

AlignedText apply(StripAccents, AlignedText text) {
  if (is_ascii(text.bytes)) return text;
  return map_characters(text, [](char32_t c) { return is_combining_mark(c) ? kRemoved : c; });
}

AlignedText apply(CleanForTranslation, AlignedText text) {
  return map_characters(text, [](char32_t c) -> char32_t {
    if ((c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
      return kRemoved;
    bool const is_space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                          (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
                          c == 0xFFFD;
    return is_space ? U' ' : c;
  });
}

AlignedText apply(StripSpace const& step, AlignedText text) {
  std::size_t first = text.bytes.size(), last = 0;
  for_each_character(text, [&](char32_t c, std::size_t begin, std::size_t end) {
    if (is_white_space(c)) return;
    first = std::min(first, begin);
    last = end;
  });
  std::size_t const begin = step.left ? first : 0;
  std::size_t const end = step.right ? std::max(begin, last) : text.bytes.size();
  if (begin == 0 && end == text.bytes.size()) return text;
  AlignedText result;
  result.append(text, begin, end);
  return result;
}

/// Bytes of the match at `at`; 0 = none.
std::size_t match(Replace const& step, std::string_view text, std::size_t at) {
  if (step.what == Replace::What::Text) return text.substr(at).starts_with(step.text) ? step.text.size() : 0;
  if (step.what == Replace::What::Spaces) {
    std::size_t const end = std::min(text.find_first_not_of(' ', at), text.size());
    return end - at >= 2 ? end - at : 0;
  }
  std::size_t end = at;
  int n = 0;
  for (; end < text.size(); ++n) {
    auto const decoded = decode_utf8(text, end);
    if (!is_white_space(decoded.code_point)) break;
    end += decoded.n_bytes;
  }
  bool const is_line = text[at] == '\n' || text[at] == '\r' || text[at] == '\t';
  return n >= 2 ? end - at : n == 1 && is_line ? 1 : 0;
}

AlignedText apply(Replace const& step, AlignedText text) {
  AlignedText result;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.bytes.size();) {
    std::size_t const n = match(step, text.bytes, at);
    if (n == 0) {
      at += step.what == Replace::What::Text ? 1 : decode_utf8(text.bytes, at).n_bytes;
      continue;
    }
    result.append(text, copied, at);
    result.append(step.content, text.sources[at + n - 1]);
    at += n;
    copied = at;
  }
  if (copied == 0) return text;
  result.append(text, copied, text.bytes.size());
  return result;
}

AlignedText apply(Prepend const& step, AlignedText text) {
  if (text.bytes.empty()) return text;
  AlignedText result;
  result.append(step.text, text.sources.front());
  result.append(text, 0, text.bytes.size());
  return result;
}

AlignedText apply(Charsmap const& charsmap, AlignedText text) { return charsmap.apply(std::move(text)); }

AlignedText apply(NormalizeAsBert const& step, AlignedText text) {
  if (step.config.clean_text)
    text = map_characters(text, [](char32_t c) -> char32_t {
      if (c == 0 || c == 0xFFFD) return kRemoved;
      // These two are control characters and white space.
      if (c != '\t' && c != '\n' && c != '\r' && is_bert_control(c)) return kRemoved;
      return is_bert_whitespace(c) ? U' ' : c;
    });
  if (step.config.handle_chinese_chars) {
    AlignedText result;
    for_each_character(text, [&](char32_t c, std::size_t begin, std::size_t) {
      bool const alone = is_cjk_ideograph(c);
      if (alone) result.append(" ", text.sources[begin]);
      result.append(c, text.sources[begin]);
      if (alone) result.append(" ", text.sources[begin]);
    });
    text = std::move(result);
  }
  if (step.config.strip_accents && !is_ascii(text.bytes))
    text = map_characters(to_unicode_form(UnicodeForm::Nfd, std::move(text)),
                          [](char32_t c) { return is_nonspacing_mark(c) ? kRemoved : c; });
  return step.config.lowercase ? apply(ToLowercase{}, std::move(text)) : text;
}

}  // namespace

AlignedText normalize(std::vector<Normalizer> const& normalizers, AlignedText text) {
  for (auto const& step : normalizers) {
    if (text.bytes.empty()) break;
    text = std::visit([&](auto const& one) { return apply(one, std::move(text)); }, step);
  }
  return text;
}

}  // namespace polytask::text
