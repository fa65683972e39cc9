// Bytes and code points: validation, decoding, and the offsets between the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace polytask {

struct DecodedCodePoint {
  char32_t code_point = 0xFFFD;  ///< U+FFFD when the bytes are not valid UTF-8
  std::size_t n_bytes = 1;       ///< consumed; 1 for an invalid byte
  bool valid = false;
};

/// The code point that starts at byte `at` (< text.size()). Surrogates, overlong forms and values above U+10FFFF are
/// invalid.
[[nodiscard]] DecodedCodePoint decode_utf8(std::string_view text, std::size_t at) noexcept;

/// Byte position of the first invalid sequence; nothing when the whole text is valid UTF-8.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept;

/// Appends the UTF-8 form of `code_point`; a value that has none becomes U+FFFD.
void append_utf8(std::string& out, char32_t code_point);

/// The text with U+FFFD in the place of every byte that is part of no valid sequence; a valid text is unchanged.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// Whether a terminal would act on some of it: U+0000 to U+001F, U+007F to U+009F. The text must be valid UTF-8.
[[nodiscard]] bool has_control_characters(std::string_view text) noexcept;

/// Number of code points in valid UTF-8.
[[nodiscard]] std::size_t count_code_points(std::string_view text) noexcept;

/// Translates between byte and code-point offsets of one text. Built once, each look-up is constant (to bytes) or
/// logarithmic (to code points). The text must be valid UTF-8.
class Utf8Offsets {
 public:
  explicit Utf8Offsets(std::string_view text);
  [[nodiscard]] std::size_t n_code_points() const noexcept { return starts_.size() - 1; }
  /// Byte offset of code point `index` (0..n_code_points, the end included); nothing beyond.
  [[nodiscard]] std::optional<std::size_t> to_bytes(std::size_t index) const noexcept;
  /// Index of the code point that contains byte `offset`; the end maps to n_code_points().
  [[nodiscard]] std::size_t to_code_points(std::size_t offset) const noexcept;

 private:
  std::vector<std::size_t> starts_;  ///< byte offset of each code point, then the text's size
};

}  // namespace polytask
