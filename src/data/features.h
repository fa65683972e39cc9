// Examples -> numbers: token ids, and for each task the target its head is trained on.
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "data/corpus.h"
#include "task/encoding.h"
#include "task/tagging.h"
#include "text/tokenizer.h"

namespace polytask::data {

/// Value of a tagging target at a token that no head is asked about.
inline constexpr std::int32_t kIgnored = -100;

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
