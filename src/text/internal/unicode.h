// What the reference tokenizer library believes about code points. Its tables are of several Unicode versions: the
// categories of 8.0, decompositions and combining classes of 9.0, case of newer ones. A test compares every code point.
#pragma once

#include <cstdint>
#include <string_view>

namespace polytask::text {

[[nodiscard]] bool is_bert_whitespace(char32_t c);   ///< separates words
[[nodiscard]] bool is_bert_punctuation(char32_t c);  ///< is a word of its own
[[nodiscard]] bool is_bert_control(char32_t c);      ///< removed when a text is cleaned
[[nodiscard]] bool is_cjk_ideograph(char32_t c);     ///< a word of its own
[[nodiscard]] bool is_nonspacing_mark(char32_t c);   ///< an accent, removed when accents are stripped
[[nodiscard]] char32_t lower_case(char32_t c);       ///< of one code point; U+0130 is the caller's business
/// Canonical decomposition (NFD) of one code point into `out` (room for 8); returns how many.
[[nodiscard]] int decompose(char32_t c, char32_t* out);
[[nodiscard]] std::uint8_t combining_class(char32_t c);

}  // namespace polytask::text
