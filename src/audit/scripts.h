// The script that a text is written in and, for Latin letters, the language that its small words speak.
#pragma once

#include <string>
#include <string_view>

namespace polytask::audit {

/// "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "thai", "hangul", "japanese" (any kana), "han", or
/// "other": the script of most letters; "none" for a text without letters. A text with kana is Japanese, whatever
/// stands beside it, unless letters of another script outnumber kana and han three to one.
[[nodiscard]] std::string_view script_of(std::string_view utf8);

/// `script_of`, and for Latin texts "latin-en", "-de", "-fr", "-es", "-it", "-pt" or "-nl" where at least two small
/// words, and more than of any other of these languages, are that language's; "latin" where they do not say.
[[nodiscard]] std::string language_of(std::string_view utf8);

}  // namespace polytask::audit
