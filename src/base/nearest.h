// "Did you mean": the known word nearest to what somebody typed.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace polytask {

/// The candidate with the smallest edit distance (insert, delete, replace, swap of neighbours) to `word`, ignoring
/// ASCII case; nothing when none is close enough to be what was meant (a third of the letters may differ).
[[nodiscard]] std::optional<std::string> nearest(std::string_view word, std::span<std::string const> candidates);

/// `; did you mean "x"?` or an empty string, to be appended to a message.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<std::string const> candidates);

}  // namespace polytask
