// The replacements of characters that a SentencePiece model brings with it ("precompiled_charsmap").
// Format: 4 bytes of size, a double array of darts-clone in so many bytes, then the replacements, each up to a zero
// byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/internal/aligned_text.h"

namespace polytask::text {

/// Immutable after construction; safe to share between threads.
class Charsmap {
 public:
  /// Checks sizes, links and encoding of untrusted bytes; the error says what is wrong, without a place.
  [[nodiscard]] static Result<Charsmap> parse(std::string_view bytes);

  /// The text with its characters replaced, grapheme by grapheme, as Precompiled of the reference library does it: of a
  /// grapheme below 6 bytes the shortest known beginning stands for all of it. (SentencePiece itself takes the
  /// longest.)
  [[nodiscard]] AlignedText apply(AlignedText text) const;

 private:
  Charsmap(std::vector<std::uint32_t> units, std::string replacements);
  /// The replacement of the shortest beginning of `text` that has one; null when none has.
  [[nodiscard]] char const* replacement(std::string_view text) const;
  [[nodiscard]] bool is_plain(char32_t c) const { return c < 0x10000 && ((plain_[c / 64] >> (c % 64)) & 1) != 0; }
  [[nodiscard]] std::size_t skip_unchanged(std::string_view text) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;          ///< ends with a zero byte
  std::vector<std::uint64_t> plain_;  ///< a bit for each code point below 0x10000 that stands alone and stays as it is
};

}  // namespace polytask::text
