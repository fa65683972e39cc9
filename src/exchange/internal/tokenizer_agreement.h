// Two files of a Hugging Face folder say how texts become tokens: tokenizer.json, which is read here, and
// tokenizer_config.json, whose words some versions of the library set above it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace polytask::exchange {

/// Throws Error{InvalidInput} naming the file, both values and what to do where the two contradict each other (case,
/// accents, Chinese characters, special tokens), and where texts would be cut at their beginning.
void check_tokenizer_agrees(std::filesystem::path const& folder);

/// The length in tokens that a file of the folder gives under a key; nothing where it gives none, as with the library's
/// 1e30 for "any". Throws Error{InvalidInput} for a length under 8, which no text fits.
[[nodiscard]] std::optional<double> length_in(std::filesystem::path const& path, char const* key);

}  // namespace polytask::exchange
