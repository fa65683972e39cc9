#include "text/internal/unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <array>

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

icu::Normalizer2 const& canonical() {
  static icu::Normalizer2 const* const normalizer = [] {
    UErrorCode status = U_ZERO_ERROR;
    auto const* const nfd = icu::Normalizer2::getNFDInstance(status);
    expects(U_SUCCESS(status) != 0 && nfd != nullptr, "ICU has its normalisation data");
    return nfd;
  }();
  return *normalizer;
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

int decompose(char32_t c, char32_t* out) {
  icu::UnicodeString parts;
  if (!canonical().getDecomposition(static_cast<UChar32>(c), parts) || !in_unicode_9(c)) {
    out[0] = c;
    return 1;
  }
  int n = 0;
  for (std::int32_t at = 0; at < parts.length() && n < 8; at = parts.moveIndex32(at, 1))
    out[n++] = static_cast<char32_t>(parts.char32At(at));
  return n;
}

std::uint8_t combining_class(char32_t c) {
  auto const combining = u_getCombiningClass(static_cast<UChar32>(c));
  return combining == 0 || in_unicode_9(c) ? combining : 0;
}

}  // namespace polytask::text
