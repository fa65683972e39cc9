#include "task/white_space.h"

#include "base/utf8.h"

namespace polytask::task {
namespace {

/// White_Space of Unicode 16.0.
bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace

ByteRange without_white_space(std::string_view text, ByteRange bytes) {
  auto result = bytes;
  while (result.begin < result.end) {
    auto const found = decode_utf8(text, result.begin);
    if (!is_white_space(found.code_point)) break;
    result.begin += found.n_bytes;
  }
  if (result.begin >= result.end) return {bytes.begin, bytes.begin};
  while (true) {
    auto last = result.end - 1;
    while (last > result.begin && continues(text[last])) --last;
    if (!is_white_space(decode_utf8(text, last).code_point)) return result;
    result.end = last;
  }
}

}  // namespace polytask::task
