// A text in some normal form whose every byte knows the bytes of the raw text that it came from.
// Method: NormalizedString of Hugging Face tokenizers: a normaliser says for each new character whether it replaces
// one, is inserted, or stands for several, and sources follow from that.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::text {

/// Bytes [begin, end) of the raw text.
struct Source {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

struct AlignedText {
  std::string bytes;            ///< valid UTF-8
  std::vector<Source> sources;  ///< of each byte; the bytes of one character share theirs

  void append(char32_t code_point, Source source);
  void append(std::string_view more, Source source);  ///< all of it from one source
  void append(AlignedText const& other, std::size_t begin, std::size_t end);
  [[nodiscard]] std::string_view view(std::size_t begin, std::size_t end) const noexcept {
    return std::string_view(bytes).substr(begin, end - begin);
  }
};

/// [begin, end) of `utf8` as it is; every byte that is part of no valid sequence becomes U+FFFD.
[[nodiscard]] AlignedText align(std::string_view utf8, std::size_t begin, std::size_t end);

/// A character of the new text. 0: it replaces the next character of the old one; 1: it is new and shares the source of
/// the one before; -n: it replaces the next character and swallows the n after it.
struct Change {
  char32_t code_point = 0;
  int kind = 0;
};

/// The text that `changes` make of `text`, after its first `n_removed` characters are dropped.
[[nodiscard]] AlignedText rewrite(AlignedText const& text, std::span<Change const> changes, std::size_t n_removed);

}  // namespace polytask::text
