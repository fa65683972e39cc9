#include "cli/terminal.h"

#include "base/utf8.h"

namespace polytask::cli {
namespace {

/// Unicode's East Asian Width "W" and "F", by blocks.
bool is_wide(char32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF01 && c <= 0xFF60) ||
         (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
}

}  // namespace

std::string_view fitting(std::string_view text, std::size_t n_columns) noexcept {
  std::size_t used = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    auto const decoded = decode_utf8(text, at);
    used += is_wide(decoded.code_point) ? 2 : 1;
    if (used > n_columns) break;
    at += decoded.n_bytes;
  }
  return text.substr(0, at);
}

std::string shell_word(std::string const& word) {
  bool const is_plain = !word.empty() && word.find_first_not_of(
                                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789_-./=,:@%+") == std::string::npos;
  if (is_plain) return word;
  std::string quoted = "'";
  for (char const c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace polytask::cli
