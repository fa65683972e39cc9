#include "text/internal/unicode_forms.h"

#include <unicode/normalizer2.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/utf8.h"
#include "text/internal/normalizers.h"
#include "text/internal/unicode.h"

namespace polytask::text {
namespace {

struct Mark {
  Change change;
  std::uint8_t combining_class = 0;
};

icu::Normalizer2 const& normalizer_of(UnicodeForm form) {
  UErrorCode status = U_ZERO_ERROR;
  icu::Normalizer2 const* normalizer = nullptr;
  switch (form) {
    case UnicodeForm::Nfc: normalizer = icu::Normalizer2::getNFCInstance(status); break;
    case UnicodeForm::Nfd: normalizer = icu::Normalizer2::getNFDInstance(status); break;
    case UnicodeForm::Nfkc: normalizer = icu::Normalizer2::getNFKCInstance(status); break;
    case UnicodeForm::Nfkd: normalizer = icu::Normalizer2::getNFKDInstance(status); break;
  }
  expects(U_SUCCESS(status) != 0 && normalizer != nullptr, "ICU has its normalisation data");
  return *normalizer;
}

bool is_in_form(UnicodeForm form, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return true;
  UErrorCode status = U_ZERO_ERROR;
  auto const piece = icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size()));
  return text.size() < (std::size_t{1} << 30) && normalizer_of(form).isNormalizedUTF8(piece, status) != 0 &&
         U_SUCCESS(status) != 0;
}

/// Characters in their parts, marks in canonical order.
std::vector<Mark> decomposed(bool compatibly, std::string_view text) {
  std::vector<Mark> all;
  all.reserve(text.size());
  std::size_t settled = 0;
  auto const settle = [&] {
    std::stable_sort(all.begin() + static_cast<std::ptrdiff_t>(settled), all.end(),
                     [](auto const& a, auto const& b) { return a.combining_class < b.combining_class; });
  };
  std::array<char32_t, 18> parts{};
  for (std::size_t at = 0; at < text.size();) {
    auto const code_point = decode_utf8(text, at);
    at += code_point.n_bytes;
    int const n = compatibly ? decompose_compatibly(code_point.code_point, parts.data())
                             : decompose(code_point.code_point, parts.data());
    for (int i = 0; i < n; ++i) {
      auto const part = parts[static_cast<std::size_t>(i)];
      auto const combining = combining_class(part);
      if (combining == 0) {
        settle();
        all.push_back({{part, i == 0 ? 0 : 1}, 0});
        settled = all.size();
      } else {
        all.push_back({{part, i == 0 ? 0 : 1}, combining});
      }
    }
  }
  settle();
  return all;
}

/// Canonical composition (Unicode, D117); a character that takes another into it stands for one character more.
std::vector<Change> composed(std::vector<Mark> const& marks) {
  std::vector<Change> result;
  result.reserve(marks.size());
  std::ptrdiff_t starter = -1;
  int last_class = -1;  ///< of the marks that stay after the starter; -1 = none
  for (auto const& mark : marks) {
    bool const blocked = last_class >= 0 && last_class >= mark.combining_class;
    if (starter >= 0 && !blocked) {
      auto& first = result[static_cast<std::size_t>(starter)];
      if (char32_t const whole = compose(first.code_point, mark.change.code_point); whole != 0) {
        first = {whole, first.kind + mark.change.kind - 1};
        continue;
      }
    }
    result.push_back(mark.change);
    if (mark.combining_class == 0) {
      starter = std::ssize(result) - 1;
      last_class = -1;
    } else if (starter >= 0) {
      last_class = mark.combining_class;
    }
  }
  return result;
}

}  // namespace

AlignedText to_unicode_form(UnicodeForm form, AlignedText text) {
  if (is_in_form(form, text.bytes)) return text;
  auto const marks = decomposed(form == UnicodeForm::Nfkc || form == UnicodeForm::Nfkd, text.bytes);
  if (form == UnicodeForm::Nfc || form == UnicodeForm::Nfkc) return rewrite(text, composed(marks), 0);
  std::vector<Change> changes;
  changes.reserve(marks.size());
  for (auto const& mark : marks) changes.push_back(mark.change);
  return rewrite(text, changes, 0);
}

}  // namespace polytask::text
