#include "text/internal/charsmap.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "base/utf8.h"
#include "text/internal/graphemes.h"

namespace polytask::text {
namespace {

constexpr std::size_t kLongestReplacement = 255;  ///< bytes; a file must not make gigabytes of a text
constexpr std::size_t kLongestGrapheme = 5;       ///< bytes; longer ones are replaced character by character

// The fields of a darts-clone unit.
bool has_leaf(std::uint32_t unit) { return ((unit >> 8) & 1) != 0; }
std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7FFF'FFFF; }
std::uint32_t label_of(std::uint32_t unit) { return unit & 0x8000'00FF; }
std::uint32_t offset_of(std::uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) >> 6); }

std::uint32_t little_endian(char const* bytes) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::size_t count_characters(std::string_view text) {
  std::size_t n = 0;
  for (char const c : text) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

void append_unchanged(std::string_view text, std::vector<Change>& changes) {
  for (std::size_t at = 0; at < text.size();) {
    auto const decoded = decode_utf8(text, at);
    changes.push_back({decoded.code_point, 0});
    at += decoded.n_bytes;
  }
}

/// The characters that are too many count as new, those that are missing as swallowed by the one before, even where
/// that belongs to another replacement.
void append_replaced(std::string_view old_part, std::string_view new_part, std::vector<Change>& changes) {
  auto const n_old = count_characters(old_part);
  auto const n_new = count_characters(new_part);
  append_unchanged(new_part, changes);
  for (std::size_t i = n_old; i < n_new; ++i) changes[changes.size() - 1 - (i - n_old)].kind = 1;
  if (n_new < n_old && !changes.empty()) changes.back().kind -= static_cast<int>(n_old - n_new);
}

}  // namespace

Charsmap::Charsmap(std::vector<std::uint32_t> units, std::string replacements)
    : units_(std::move(units)), replacements_(std::move(replacements)), plain_(0x10000 / 64) {
  for (char32_t c = 1; c < 0x10000; ++c) {
    std::string bytes;
    append_utf8(bytes, c);
    if (stands_alone(c) && replacement(bytes) == nullptr) plain_[c / 64] |= std::uint64_t{1} << (c % 64);
  }
}

Result<Charsmap> Charsmap::parse(std::string_view bytes) {
  auto const fail = [](std::string const& reason) { return Error(ErrorCode::InvalidInput, reason); };
  if (bytes.size() < 8) return fail(fmt::format("is {} bytes long; expected a size and a double array", bytes.size()));
  std::size_t const size = little_endian(bytes.data());
  if (size % 4 != 0 || size == 0 || size > bytes.size() - 4)
    return fail(fmt::format("says that its double array has {} bytes of {}", size, bytes.size() - 4));
  std::vector<std::uint32_t> units(size / 4);
  for (std::size_t i = 0; i < units.size(); ++i) units[i] = little_endian(bytes.data() + 4 + 4 * i);
  std::string replacements(bytes.substr(4 + size));
  if (auto const at = find_invalid_utf8(replacements))
    return fail(fmt::format("has replacements that are not UTF-8 at byte {}", *at));
  replacements.push_back('\0');
  for (std::size_t begin = 0, end = 0; begin < replacements.size(); begin = end + 1) {
    end = replacements.find('\0', begin);
    if (end - begin > kLongestReplacement)
      return fail(
          fmt::format("has a replacement of {} bytes; at most {} are supported", end - begin, kLongestReplacement));
  }
  return Charsmap(std::move(units), std::move(replacements));
}

char const* Charsmap::replacement(std::string_view text) const {
  std::size_t at = offset_of(units_[0]);
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    at ^= byte;
    if (byte == 0 || at >= units_.size() || label_of(units_[at]) != byte) return nullptr;
    auto const unit = units_[at];
    at ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (at >= units_.size()) return nullptr;
    auto const value = value_of(units_[at]);
    // Links out of the array and into the middle of a character are no replacements.
    if (value >= replacements_.size() || (static_cast<unsigned char>(replacements_[value]) & 0xC0) == 0x80)
      return nullptr;
    return replacements_.data() + value;
  }
  return nullptr;
}

/// Bytes at the beginning of `text` that stay as they are.
std::size_t Charsmap::skip_unchanged(std::string_view text) const {
  std::size_t at = 0, safe = 0;
  while (at < text.size()) {
    auto const c = static_cast<unsigned char>(text[at]);
    auto const decoded = c < 0x80 ? DecodedCodePoint{c, 1, true} : decode_utf8(text, at);
    if (!is_plain(decoded.code_point)) return safe;  // the one before may belong to its grapheme
    safe = at;
    at += decoded.n_bytes;
  }
  return at;
}

AlignedText Charsmap::apply(AlignedText text) const {
  std::string_view const bytes = text.bytes;
  std::size_t at = skip_unchanged(bytes);
  if (at == bytes.size()) return text;
  std::vector<Change> changes;
  changes.reserve(bytes.size());
  append_unchanged(bytes.substr(0, at), changes);
  bool changed = false;
  while (at < bytes.size()) {
    auto const grapheme = bytes.substr(at, grapheme_end(bytes, at) - at);
    at += grapheme.size();
    char const* whole = grapheme.size() <= kLongestGrapheme ? replacement(grapheme) : nullptr;
    if (whole != nullptr) {
      append_replaced(grapheme, whole, changes);
      changed = true;
    }
    for (std::size_t i = 0; whole == nullptr && i < grapheme.size();) {
      auto const part = grapheme.substr(i, decode_utf8(grapheme, i).n_bytes);
      i += part.size();
      auto const* const found = replacement(part);
      if (found != nullptr)
        append_replaced(part, found, changes);
      else
        append_unchanged(part, changes);
      changed |= found != nullptr;
    }
    auto const n = skip_unchanged(bytes.substr(at));
    append_unchanged(bytes.substr(at, n), changes);
    at += n;
  }
  return changed ? rewrite(text, changes, 0) : text;
}

}  // namespace polytask::text
