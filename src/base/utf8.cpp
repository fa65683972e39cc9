#include "base/utf8.h"

#include <algorithm>

namespace polytask {

DecodedCodePoint decode_utf8(std::string_view text, std::size_t at) noexcept {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char const lead = byte(at);
  if (lead < 0x80) return {lead, 1, true};
  std::size_t n_bytes = 0;
  char32_t code_point = 0;
  char32_t smallest = 0;  // below it the form is overlong
  if (lead >= 0xC2 && lead <= 0xDF) {
    n_bytes = 2, code_point = lead & 0x1Fu, smallest = 0x80;
  } else if ((lead & 0xF0) == 0xE0) {
    n_bytes = 3, code_point = lead & 0x0Fu, smallest = 0x800;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    n_bytes = 4, code_point = lead & 0x07u, smallest = 0x10000;
  } else {
    return {};
  }
  if (at + n_bytes > text.size()) return {};
  for (std::size_t i = 1; i < n_bytes; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {};
    code_point = (code_point << 6) | (byte(at + i) & 0x3Fu);
  }
  bool const is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  if (code_point < smallest || is_surrogate || code_point > 0x10FFFF) return {};
  return {code_point, n_bytes, true};
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    auto const decoded = decode_utf8(text, at);
    if (!decoded.valid) return at;
    at += decoded.n_bytes;
  }
  return std::nullopt;
}

void append_utf8(std::string& out, char32_t code_point) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) code_point = 0xFFFD;
  auto const push = [&](char32_t bits) { out.push_back(static_cast<char>(static_cast<unsigned char>(bits))); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0 | (code_point >> 6));
    push(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    push(0xE0 | (code_point >> 12));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  } else {
    push(0xF0 | (code_point >> 18));
    push(0x80 | ((code_point >> 12) & 0x3F));
    push(0x80 | ((code_point >> 6) & 0x3F));
    push(0x80 | (code_point & 0x3F));
  }
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (auto bad = find_invalid_utf8(text); bad; bad = find_invalid_utf8(text)) {
    out += text.substr(0, *bad);
    append_utf8(out, 0xFFFD);
    text.remove_prefix(*bad + 1);
  }
  return out += text;
}

bool has_control_characters(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    auto const decoded = decode_utf8(text, at);
    if (decoded.code_point < 0x20 || (decoded.code_point >= 0x7F && decoded.code_point < 0xA0)) return true;
    at += decoded.n_bytes;
  }
  return false;
}

std::size_t count_code_points(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

Utf8Offsets::Utf8Offsets(std::string_view text) {
  starts_.reserve(text.size() + 1);
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) starts_.push_back(i);
  starts_.push_back(text.size());
}

std::optional<std::size_t> Utf8Offsets::to_bytes(std::size_t index) const noexcept {
  if (index >= starts_.size()) return std::nullopt;
  return starts_[index];
}

std::size_t Utf8Offsets::to_code_points(std::size_t offset) const noexcept {
  auto const after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  return after == starts_.begin() ? 0 : static_cast<std::size_t>(after - starts_.begin()) - 1;
}

}  // namespace polytask
