// Text and numbers on their way into HTML.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace polytask::report {

/// Safe in text and in quoted attributes. Bytes that are no UTF-8, control characters and characters that turn the
/// direction of writing become U+FFFD: a label must not change how its neighbours look.
[[nodiscard]] std::string escaped(std::string_view text);

/// The first `max` code points, escaped, and "… (+n)" where something was cut.
[[nodiscard]] std::string escaped_head(std::string_view text, std::size_t max);

/// Three digits after the point; a dash when it is not finite.
[[nodiscard]] std::string score_text(double value);
/// A number of any size with four significant digits; a dash when it is not finite.
[[nodiscard]] std::string number_text(double value);
/// 12,345
[[nodiscard]] std::string count_text(std::int64_t count);
/// 22.7 M; 12,345 below a million.
[[nodiscard]] std::string short_count_text(std::int64_t count);

}  // namespace polytask::report
