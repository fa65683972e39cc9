// Spans of a text and tags of its tokens: the way there and the way back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "task/encoding.h"
#include "task/example.h"
#include "task/label_set.h"

namespace polytask::task {

/// A tagged unit of a text: what one tag speaks about. Its first token carries the tag.
struct TaggedUnit {
  std::size_t token = 0;  ///< index into the encoding
  ByteRange bytes;        ///< of the word, or of the token itself, in texts[0]
};

/// The given words where the text came cut into words (CoNLL), otherwise every token: scripts without spaces and spans
/// that end inside a word keep their borders. Words that the length limit cut away have no unit.
[[nodiscard]] std::vector<TaggedUnit> tagged_units(Encoding const& encoding, Example const& example);

/// Tag indices of units: 0 = O, 1 + 2k = B of label k, 2 + 2k = I of label k. A unit belongs to the span it overlaps.
/// Spans with a label outside the set count as O.
[[nodiscard]] std::vector<std::int32_t> tags_of_units(std::span<TaggedUnit const> units, std::span<Span const> spans,
                                                      LabelSet const& labels);
/// The way back: maximal runs B I I ... (an I without its B opens a span as well), in bytes.
[[nodiscard]] std::vector<Span> spans_of_units(std::span<TaggedUnit const> units, std::span<std::int32_t const> tags,
                                               LabelSet const& labels);

}  // namespace polytask::task
