// What stands in texts that nobody wrote for a reader: markup, broken encodings, the same words around all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::audit {

struct TextFaults {
  bool markup = false;           ///< an HTML tag, or an entity: "<br>", "&amp;"
  bool broken_encoding = false;  ///< UTF-8 that was read as Latin-1 or Windows-1252 ("Ã©", "â€™"), or U+FFFD
  bool empty = false;            ///< no letter and no digit
};
[[nodiscard]] TextFaults text_faults(std::string_view utf8);

/// A beginning or an end that many different texts share.
struct Boilerplate {
  std::string words;  ///< the shared part, as the first text has it
  bool at_end = false;
  std::vector<std::size_t> texts;  ///< indices, ascending
};

/// Beginnings and ends of 32 code points (16 where most of them are wide, as in Japanese) that at least `least_share`
/// of the texts, and 20 of them, have and go on differently from; the most frequent beginning and end, none where there
/// is none. `text_of(i)`: any text, in time linear in all of them.
[[nodiscard]] std::vector<Boilerplate> boilerplate(std::size_t n_texts,
                                                   std::function<std::string_view(std::size_t)> const& text_of,
                                                   double least_share = 0.02);

}  // namespace polytask::audit
