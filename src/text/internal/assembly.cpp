#include "text/internal/assembly.h"

#include <algorithm>

namespace polytask::text {
namespace {

using task::Encoding;

/// How many tokens of each text stay; as truncate_encodings of the reference library.
struct Kept {
  std::size_t first = 0;
  std::size_t second = 0;
};

Kept keep_longest_first(std::size_t n_first, std::size_t n_second, std::size_t room) {
  bool const swapped = n_first > n_second;
  std::size_t shorter = std::min(n_first, n_second);
  std::size_t longer = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (shorter + longer > room) {
    shorter = room / 2;
    longer = shorter + room % 2;
  }
  return swapped ? Kept{longer, shorter} : Kept{shorter, longer};
}

Kept keep(std::size_t n_first, std::size_t n_second, std::size_t room, Truncation truncation) {
  if (n_first + n_second <= room) return {n_first, n_second};
  std::size_t const excess = n_first + n_second - room;
  switch (truncation) {
    case Truncation::LongestFirst: break;
    case Truncation::OnlyFirst:
      if (excess < n_first) return {n_first - excess, n_second};
      break;  // the first alone cannot give so much: both have to
    case Truncation::OnlySecond:
      if (excess < n_second) return {n_first, n_second - excess};
      break;
  }
  return keep_longest_first(n_first, n_second, room);
}

std::size_t n_special_of(std::vector<TemplatePart> const& parts) {
  return static_cast<std::size_t>(std::count_if(
      parts.begin(), parts.end(), [](auto const& part) { return part.kind == TemplatePart::Kind::Special; }));
}

std::size_t room_in(std::vector<TemplatePart> const& parts, EncodeOptions const& options) {
  return options.max_length - std::min(options.max_length, n_special_of(parts));
}

void add_special(Encoding& encoding, TemplatePart const& part) {
  encoding.ids.push_back(part.id);
  encoding.type_ids.push_back(part.type_id);
  encoding.offsets.push_back({0, 0});
  encoding.text_index.push_back(Encoding::kSpecial);
}

void add_text(Encoding& encoding, Tokens const& tokens, std::size_t n, std::uint8_t type_id, std::uint8_t text) {
  auto const end = static_cast<std::ptrdiff_t>(n);
  encoding.ids.insert(encoding.ids.end(), tokens.ids.begin(), tokens.ids.begin() + end);
  encoding.offsets.insert(encoding.offsets.end(), tokens.offsets.begin(), tokens.offsets.begin() + end);
  encoding.type_ids.insert(encoding.type_ids.end(), n, type_id);
  encoding.text_index.insert(encoding.text_index.end(), n, text);
}

Encoding fill(std::vector<TemplatePart> const& parts, Tokens const& first, Tokens const& second, Kept kept) {
  Encoding encoding;
  encoding.n_dropped = first.n_all - kept.first + second.n_all - kept.second;
  auto const n_tokens = kept.first + kept.second + n_special_of(parts);
  encoding.ids.reserve(n_tokens);
  encoding.type_ids.reserve(n_tokens);
  encoding.offsets.reserve(n_tokens);
  encoding.text_index.reserve(n_tokens);
  for (auto const& part : parts) {
    switch (part.kind) {
      case TemplatePart::Kind::Special: add_special(encoding, part); break;
      case TemplatePart::Kind::First: add_text(encoding, first, kept.first, part.type_id, 0); break;
      case TemplatePart::Kind::Second: add_text(encoding, second, kept.second, part.type_id, 1); break;
    }
  }
  return encoding;
}

}  // namespace

std::size_t room_for_text(Template const& shape, EncodeOptions const& options) {
  return room_in(shape.single, options);
}
std::size_t room_for_pair(Template const& shape, EncodeOptions const& options) { return room_in(shape.pair, options); }

Encoding assemble(Template const& shape, Tokens const& tokens, EncodeOptions const& options) {
  return fill(shape.single, tokens, {}, {std::min(tokens.ids.size(), room_in(shape.single, options)), 0});
}

Encoding assemble(Template const& shape, Tokens const& first, Tokens const& second, EncodeOptions const& options) {
  auto const kept = keep(first.n_all, second.n_all, room_in(shape.pair, options), options.truncation);
  return fill(shape.pair, first, second,
              {std::min(kept.first, first.ids.size()), std::min(kept.second, second.ids.size())});
}

}  // namespace polytask::text
