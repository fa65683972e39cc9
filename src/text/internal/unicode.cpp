#include "text/internal/unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/error.h"

namespace polytask::text {
namespace {

/// Whether Unicode up to this version knew the code point.
bool is_known_to(std::uint8_t version, char32_t c) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] >= 1 && age[0] <= version;
}

bool in_unicode_8(char32_t c) { return is_known_to(8, c); }  ///< where the library's categories stop
bool in_unicode_9(char32_t c) { return is_known_to(9, c); }  ///< where its decompositions and combining classes stop

template <std::size_t n>
bool is_one_of(std::array<char32_t, n> const& sorted, char32_t c) {
  return std::binary_search(sorted.begin(), sorted.end(), c);
}

// Categories that changed after Unicode 8.0, in any of the ICUs we run on.
constexpr std::array<char32_t, 2> kPunctuationThen{0x166D, 0x111C9};
constexpr std::array<char32_t, 2> kMarksThen{0x1734, 0x1171E};
constexpr std::array<char32_t, 5> kNoMarksThen{0x1885, 0x1886, 0xA9BD, 0x111C9, 0x11720};

struct CodePoints {
  char32_t first, last;
  WordClass word_class;
};

// Letters and numbers of Unicode 15.1 and 16.0, which are newer than some of the ICUs we run on.
constexpr std::array<CodePoints, 29> kNewLetters{{
    {0x1C89, 0x1C8A, WordClass::Letter},   {0xA7CB, 0xA7CD, WordClass::Letter},   {0xA7DA, 0xA7DC, WordClass::Letter},
    {0x105C0, 0x105F3, WordClass::Letter}, {0x10D40, 0x10D49, WordClass::Number}, {0x10D4A, 0x10D65, WordClass::Letter},
    {0x10D6F, 0x10D85, WordClass::Letter}, {0x10EC2, 0x10EC4, WordClass::Letter}, {0x11380, 0x11389, WordClass::Letter},
    {0x1138B, 0x1138B, WordClass::Letter}, {0x1138E, 0x1138E, WordClass::Letter}, {0x11390, 0x113B5, WordClass::Letter},
    {0x113B7, 0x113B7, WordClass::Letter}, {0x113D1, 0x113D1, WordClass::Letter}, {0x113D3, 0x113D3, WordClass::Letter},
    {0x116D0, 0x116E3, WordClass::Number}, {0x11BC0, 0x11BE0, WordClass::Letter}, {0x11BF0, 0x11BF9, WordClass::Number},
    {0x13460, 0x143FA, WordClass::Letter}, {0x16100, 0x1611D, WordClass::Letter}, {0x16130, 0x16139, WordClass::Number},
    {0x16D40, 0x16D6C, WordClass::Letter}, {0x16D70, 0x16D79, WordClass::Number}, {0x18CFF, 0x18CFF, WordClass::Letter},
    {0x1CCF0, 0x1CCF9, WordClass::Number}, {0x1E5D0, 0x1E5ED, WordClass::Letter}, {0x1E5F0, 0x1E5F0, WordClass::Letter},
    {0x1E5F1, 0x1E5FA, WordClass::Number}, {0x2EBF0, 0x2EE5D, WordClass::Letter},
}};

// Marks of Unicode 15.1 and 16.0, which belong to words.
constexpr std::array<CodePoints, 13> kNewMarks{{
    {0x897, 0x897, WordClass::Other},
    {0x10D69, 0x10D6D, WordClass::Other},
    {0x10EFC, 0x10EFC, WordClass::Other},
    {0x113B8, 0x113C0, WordClass::Other},
    {0x113C2, 0x113C2, WordClass::Other},
    {0x113C5, 0x113C5, WordClass::Other},
    {0x113C7, 0x113CA, WordClass::Other},
    {0x113CC, 0x113D0, WordClass::Other},
    {0x113D2, 0x113D2, WordClass::Other},
    {0x113E1, 0x113E2, WordClass::Other},
    {0x11F5A, 0x11F5A, WordClass::Other},
    {0x1611E, 0x1612F, WordClass::Other},
    {0x1E5EE, 0x1E5EF, WordClass::Other},
}};

template <std::size_t n>
bool is_in(std::array<CodePoints, n> const& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](auto const& range) { return c >= range.first && c <= range.last; });
}

icu::Normalizer2 const& compatible() {
  static icu::Normalizer2 const* const normalizer = [] {
    UErrorCode status = U_ZERO_ERROR;
    auto const* const nfkc = icu::Normalizer2::getNFKCInstance(status);
    expects(U_SUCCESS(status) != 0 && nfkc != nullptr, "ICU has its normalisation data");
    return nfkc;
  }();
  return *normalizer;
}

icu::Normalizer2 const& canonical() {
  static icu::Normalizer2 const* const normalizer = [] {
    UErrorCode status = U_ZERO_ERROR;
    auto const* const nfd = icu::Normalizer2::getNFDInstance(status);
    expects(U_SUCCESS(status) != 0 && nfd != nullptr, "ICU has its normalisation data");
    return nfd;
  }();
  return *normalizer;
}

int decompose_with(icu::Normalizer2 const& normalizer, char32_t c, char32_t* out, int room) {
  icu::UnicodeString parts;
  if (!normalizer.getDecomposition(static_cast<UChar32>(c), parts) || !in_unicode_9(c)) {
    out[0] = c;
    return 1;
  }
  int n = 0;
  for (std::int32_t at = 0; at < parts.length() && n < room; at = parts.moveIndex32(at, 1))
    out[n++] = static_cast<char32_t>(parts.char32At(at));
  return n;
}

}  // namespace

bool is_bert_whitespace(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

bool is_bert_punctuation(char32_t c) {
  if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  if (is_one_of(kPunctuationThen, c)) return true;
  return u_ispunct(static_cast<UChar32>(c)) != 0 && in_unicode_8(c);
}

bool is_bert_control(char32_t c) {
  switch (u_charType(static_cast<UChar32>(c))) {
    case U_CONTROL_CHAR:
    case U_PRIVATE_USE_CHAR: return true;
    case U_FORMAT_CHAR: return in_unicode_8(c);
    default: return false;
  }
}

bool is_cjk_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_nonspacing_mark(char32_t c) {
  if (is_one_of(kMarksThen, c)) return true;
  if (u_charType(static_cast<UChar32>(c)) != U_NON_SPACING_MARK || !in_unicode_8(c)) return false;
  return std::find(kNoMarksThen.begin(), kNoMarksThen.end(), c) == kNoMarksThen.end();
}

char32_t lower_case(char32_t c) {
  // Letters that are newer than some of the ICUs we run on.
  if (c >= 0x10D50 && c <= 0x10D65) return c + 0x20;
  if (c >= 0x16EA0 && c <= 0x16EB8) return c + 0x1B;
  switch (c) {
    case 0xA7CB: return 0x0264;
    case 0xA7DC: return 0x019B;
    case 0x1C89:
    case 0xA7CC:
    case 0xA7CE:
    case 0xA7D2:
    case 0xA7D4:
    case 0xA7DA: return c + 1;
    default: return static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
  }
}

int decompose(char32_t c, char32_t* out) { return decompose_with(canonical(), c, out, 8); }
int decompose_compatibly(char32_t c, char32_t* out) { return decompose_with(compatible(), c, out, 18); }

char32_t compose(char32_t first, char32_t second) {
  auto const composed = canonical().composePair(static_cast<UChar32>(first), static_cast<UChar32>(second));
  return composed < 0 || !in_unicode_9(static_cast<char32_t>(composed)) ? 0 : static_cast<char32_t>(composed);
}

bool is_combining_mark(char32_t c) {
  if (c == 0x111C9) return false;               // became one later
  if (c == 0x1CF2 || c == 0x1CF3) return true;  // were ones then
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_M_MASK) != 0 && in_unicode_9(c);
}

WordClass word_class(char32_t c) {
  auto const mask = U_GET_GC_MASK(static_cast<UChar32>(c));
  bool const is_letter = (mask & U_GC_L_MASK) != 0;
  if (is_letter || (mask & U_GC_N_MASK) != 0) {
    if (c >= 0x1C89 && !is_known_to(16, c)) return WordClass::Other;
    return is_letter ? WordClass::Letter : WordClass::Number;
  }
  if (is_white_space(c)) return WordClass::Space;
  if (mask == U_GC_CN_MASK && c >= kNewLetters.front().first)
    for (auto const& range : kNewLetters)
      if (c >= range.first && c <= range.last) return range.word_class;
  return WordClass::Other;
}

bool is_white_space(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

bool is_word_character(char32_t c) {
  auto const mask = U_GET_GC_MASK(static_cast<UChar32>(c));
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_ALPHABETIC) != 0 ||
         u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_JOIN_CONTROL) != 0 ||
         (mask & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         (mask == U_GC_CN_MASK && (is_in(kNewLetters, c) || is_in(kNewMarks, c)));
}

bool is_numeric(char32_t c) {
  return word_class(c) == WordClass::Number || (c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6);
}

std::string new_characters(NewCharacters which) {
  std::string ranges;
  auto const add = [&](CodePoints const& range) {
    char text[32];
    std::snprintf(text, sizeof text, "\\x{%X}-\\x{%X}", static_cast<unsigned>(range.first),
                  static_cast<unsigned>(range.last));
    ranges += text;
  };
  for (auto const& range : kNewLetters)
    if (which == NewCharacters::Words || (range.word_class == WordClass::Letter) == (which == NewCharacters::Letters))
      add(range);
  if (which == NewCharacters::Words) std::for_each(kNewMarks.begin(), kNewMarks.end(), add);
  return ranges;
}

std::uint8_t combining_class(char32_t c) {
  auto const combining = u_getCombiningClass(static_cast<UChar32>(c));
  return combining == 0 || in_unicode_9(c) ? combining : 0;
}

}  // namespace polytask::text
