// Where one user-perceived character ends.
// Method: extended grapheme clusters of Unicode (UAX #29, rules GB3 to GB13).
#pragma once

#include <cstddef>
#include <string_view>

namespace polytask::text {

/// End of the cluster that begins at byte `begin` (< utf8.size()) of valid UTF-8.
[[nodiscard]] std::size_t grapheme_end(std::string_view utf8, std::size_t begin);

/// Whether the code point is a cluster of its own unless one that extends follows.
[[nodiscard]] bool stands_alone(char32_t c);

}  // namespace polytask::text
