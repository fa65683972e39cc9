// Examples -> numbers: token ids, and for each task the target its head is trained on.
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "data/corpus.h"
#include "task/encoding.h"
#include "text/tokenizer.h"

namespace polytask::data {

/// Value of a tagging target at a token that no head is asked about.
inline constexpr std::int32_t kIgnored = -100;

/// A tagged unit of a text: what one tag speaks about. Its first token carries the tag.
struct TaggedUnit {
  std::size_t token = 0;     ///< index into the encoding
  task::ByteRange bytes;     ///< of the word, or of the token itself, in texts[0]
};

/// The given words where the text came cut into words (CoNLL), otherwise every token: scripts without spaces and spans
/// that end inside a word keep their borders. Words that the length limit cut away have no unit.
[[nodiscard]] std::vector<TaggedUnit> tagged_units(task::Encoding const& encoding, task::Example const& example);

/// Tag indices of units: 0 = O, 1 + 2k = B of label k, 2 + 2k = I of label k. A unit belongs to the span it overlaps.
/// Spans with a label outside the set count as O.
[[nodiscard]] std::vector<std::int32_t> tags_of_units(std::span<TaggedUnit const> units, std::span<task::Span const> spans,
                                                      task::LabelSet const& labels);
/// The way back: maximal runs B I I ... (an I without its B opens a span as well), in bytes.
[[nodiscard]] std::vector<task::Span> spans_of_units(std::span<TaggedUnit const> units, std::span<std::int32_t const> tags,
                                                     task::LabelSet const& labels);

/// What a head is trained on for one text.
using Target = std::variant<std::monostate,             // not labelled
                            std::int32_t,               // classification: label index
                            std::vector<float>,         // multilabel: 0 or 1 per label
                            float,                      // regression: (value - mean) / scale
                            std::vector<std::int32_t>>; // tagging: a tag per token, kIgnored elsewhere

/// How the targets of one task are made.
struct TargetSpec {
  task::TaskType type = task::TaskType::Classification;
  task::LabelSet labels;
  double mean = 0.0;
  double scale = 1.0;
};

struct Features {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> type_ids;
  std::vector<Target> targets;  ///< one per task of the stream
  bool truncated = false;
};

[[nodiscard]] task::Encoding encode_example(text::Tokenizer const& tokenizer, task::Example const& example, std::size_t max_length);

/// `targets`: one spec per task of the stream. A label outside its set gives no target.
[[nodiscard]] Features features_of(task::Example const& example, text::Tokenizer const& tokenizer, std::size_t max_length,
                                   std::span<TargetSpec const> targets);

}  // namespace polytask::data
