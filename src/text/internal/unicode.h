// What the reference tokenizer library believes about code points. Its tables are of several Unicode versions: the
// categories of 8.0, decompositions and combining classes of 9.0, case and words of newer ones. Tests compare every
// code point.
#pragma once

#include <cstdint>
#include <string>

namespace polytask::text {

[[nodiscard]] bool is_bert_whitespace(char32_t c);   ///< separates words
[[nodiscard]] bool is_bert_punctuation(char32_t c);  ///< is a word of its own
[[nodiscard]] bool is_bert_control(char32_t c);      ///< removed when a text is cleaned
[[nodiscard]] bool is_cjk_ideograph(char32_t c);     ///< a word of its own
[[nodiscard]] bool is_nonspacing_mark(char32_t c);   ///< an accent, removed when accents are stripped
[[nodiscard]] char32_t lower_case(char32_t c);       ///< of one code point; U+0130 is the caller's business
/// Canonical decomposition (NFD) of one code point into `out` (room for 8); returns how many.
[[nodiscard]] int decompose(char32_t c, char32_t* out);
/// The same for the compatibility decomposition (NFKD); `out` has room for 18.
[[nodiscard]] int decompose_compatibly(char32_t c, char32_t* out);
[[nodiscard]] std::uint8_t combining_class(char32_t c);
/// The canonical composition of two code points; 0 when there is none.
[[nodiscard]] char32_t compose(char32_t first, char32_t second);
[[nodiscard]] bool is_combining_mark(char32_t c);  ///< removed by StripAccents

/// As the pattern of GPT-2 sees a code point; Unicode 16.0.
enum class WordClass : std::uint8_t { Other, Letter, Number, Space };
[[nodiscard]] WordClass word_class(char32_t c);
[[nodiscard]] bool is_white_space(char32_t c);
[[nodiscard]] bool is_word_character(char32_t c);  ///< \w of a regular expression; Unicode 16.0
[[nodiscard]] bool is_numeric(char32_t c);         ///< a digit of the pre-tokenizer Digits; Unicode 17.0
/// What Unicode 16.0 has and an older ICU may not, for the brackets of a regular expression: letters, numbers, or all
/// that belong to words.
enum class NewCharacters { Letters, Numbers, Words };
[[nodiscard]] std::string new_characters(NewCharacters which);

}  // namespace polytask::text
