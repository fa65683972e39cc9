// Text on a terminal: how much room it takes.
#pragma once

#include <cstddef>
#include <string_view>

namespace polytask::cli {

/// The beginning of `text` that fits into `n_columns`, in whole characters. Wide ones (East Asian scripts, emoji) take
/// two columns, all others one: combining marks make the beginning a little shorter than it could be.
[[nodiscard]] std::string_view fitting(std::string_view text, std::size_t n_columns) noexcept;

/// A word of a command line as a shell reads it back, in quotes where it needs them.
[[nodiscard]] std::string shell_word(std::string const& word);

}  // namespace polytask::cli
