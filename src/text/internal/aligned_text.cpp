#include "text/internal/aligned_text.h"

#include <algorithm>

#include "base/utf8.h"

namespace polytask::text {
namespace {

std::size_t length_of_character(std::string_view text, std::size_t at) { return decode_utf8(text, at).n_bytes; }

}  // namespace

void AlignedText::append(char32_t code_point, Source source) {
  append_utf8(bytes, code_point);
  sources.resize(bytes.size(), source);
}

void AlignedText::append(std::string_view more, Source source) {
  bytes += more;
  sources.resize(bytes.size(), source);
}

void AlignedText::append(AlignedText const& other, std::size_t begin, std::size_t end) {
  bytes.append(other.bytes, begin, end - begin);
  sources.insert(sources.end(), other.sources.begin() + static_cast<std::ptrdiff_t>(begin),
                 other.sources.begin() + static_cast<std::ptrdiff_t>(end));
}

AlignedText align(std::string_view utf8, std::size_t begin, std::size_t end) {
  AlignedText text;
  auto const part = utf8.substr(begin, end - begin);
  bool const valid = !find_invalid_utf8(part);
  if (valid) {
    text.bytes = part;
    text.sources.resize(part.size());
  } else {
    text.bytes.reserve(part.size());
    text.sources.reserve(part.size());
  }
  for (std::size_t at = 0; at < part.size();) {
    auto const first = static_cast<std::uint32_t>(begin + at);
    if (valid && static_cast<unsigned char>(part[at]) < 0x80) {
      text.sources[at++] = {first, first + 1};
      continue;
    }
    auto const decoded = decode_utf8(part, at);
    Source const source{first, first + static_cast<std::uint32_t>(decoded.n_bytes)};
    if (valid)
      std::fill_n(text.sources.begin() + static_cast<std::ptrdiff_t>(at), decoded.n_bytes, source);
    else
      text.append(decoded.code_point, source);
    at += decoded.n_bytes;
  }
  return text;
}

AlignedText rewrite(AlignedText const& text, std::span<Change const> changes, std::size_t n_removed) {
  AlignedText result;
  result.bytes.reserve(text.bytes.size());
  result.sources.reserve(text.bytes.size());
  std::size_t at = 0;
  auto const skip = [&](std::size_t n) {
    for (; n > 0 && at < text.bytes.size(); --n) at += length_of_character(text.bytes, at);
  };
  skip(n_removed);
  for (auto const& change : changes) {
    bool const is_new = change.kind > 0;
    std::size_t const from = is_new && at > 0 ? at - 1 : std::min(at, text.bytes.size() - 1);
    Source source = text.sources[from];
    if (is_new && at == 0) source.end = source.begin;  // nothing stands before it
    result.append(change.code_point, source);
    if (!is_new) skip(1 + static_cast<std::size_t>(-change.kind));
  }
  return result;
}

}  // namespace polytask::text
