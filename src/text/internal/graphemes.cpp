#include "text/internal/graphemes.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "base/utf8.h"

namespace polytask::text {
namespace {

int break_class(char32_t c) { return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_GRAPHEME_CLUSTER_BREAK); }

bool is_pictograph(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_EXTENDED_PICTOGRAPHIC) != 0;
}

/// Scripts whose consonants join across a virama (GB9c).
bool in_conjunct_script(char32_t c) {
  if (c < 0x900 || c > 0xD7F) return false;
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(static_cast<UChar32>(c), &status)) {
    case USCRIPT_BENGALI:
    case USCRIPT_DEVANAGARI:
    case USCRIPT_GUJARATI:
    case USCRIPT_MALAYALAM:
    case USCRIPT_ORIYA:
    case USCRIPT_TELUGU: return true;
    default: return false;
  }
}

bool has_syllabic_category(char32_t c, int category) {
  return in_conjunct_script(c) &&
         u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_INDIC_SYLLABIC_CATEGORY) == category;
}

/// What the cluster so far says about going on.
struct Cluster {
  explicit Cluster(char32_t first) : last(break_class(first)) { note(first); }

  void add(char32_t c) {
    last = break_class(c);
    note(c);
  }

  bool goes_on_with(char32_t c) const {
    int const next = break_class(c);
    auto const is_control = [](int k) { return k == U_GCB_CONTROL || k == U_GCB_CR || k == U_GCB_LF; };
    if (last == U_GCB_CR && next == U_GCB_LF) return true;
    if (is_control(last) || is_control(next)) return false;
    if (next == U_GCB_EXTEND || next == U_GCB_ZWJ || next == U_GCB_SPACING_MARK || last == U_GCB_PREPEND) return true;
    if (last == U_GCB_L) return next == U_GCB_L || next == U_GCB_V || next == U_GCB_LV || next == U_GCB_LVT;
    if (last == U_GCB_LV || last == U_GCB_V) return next == U_GCB_V || next == U_GCB_T;
    if (last == U_GCB_LVT || last == U_GCB_T) return next == U_GCB_T;
    if (linked && has_syllabic_category(c, U_INSC_CONSONANT)) return true;
    if (last == U_GCB_ZWJ && pictograph && is_pictograph(c)) return true;
    return last == U_GCB_REGIONAL_INDICATOR && next == U_GCB_REGIONAL_INDICATOR && n_regional % 2 == 1;
  }

  int last;
  int n_regional = 0;
  bool pictograph = false;  ///< a pictograph and nothing but what extends it
  bool consonant = false;   ///< a consonant and nothing but what extends it
  bool linked = false;      ///< the same, with a virama among that

 private:
  void note(char32_t c) {
    n_regional = last == U_GCB_REGIONAL_INDICATOR ? n_regional + 1 : 0;
    if (is_pictograph(c))
      pictograph = true;
    else if (last != U_GCB_EXTEND && last != U_GCB_ZWJ)
      pictograph = false;
    if (has_syllabic_category(c, U_INSC_CONSONANT)) {
      consonant = true;
      linked = false;
    } else if (consonant && has_syllabic_category(c, U_INSC_VIRAMA)) {
      linked = true;
    } else if (last != U_GCB_EXTEND && last != U_GCB_ZWJ) {
      consonant = linked = false;
    }
  }
};

}  // namespace

std::size_t grapheme_end(std::string_view utf8, std::size_t begin) {
  auto decoded = decode_utf8(utf8, begin);
  Cluster cluster(decoded.code_point);
  std::size_t end = begin + decoded.n_bytes;
  while (end < utf8.size()) {
    decoded = decode_utf8(utf8, end);
    if (!cluster.goes_on_with(decoded.code_point)) break;
    cluster.add(decoded.code_point);
    end += decoded.n_bytes;
  }
  return end;
}

bool stands_alone(char32_t c) { return break_class(c) == U_GCB_OTHER; }

}  // namespace polytask::text
