// Examples -> numbers: token ids, and for each task the target its head is trained on.
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "data/corpus.h"
#include "task/tagging.h"
#include "text/encode_passage.h"
#include "text/tokenizer.h"

namespace polytask::data {

/// Value of a tagging target at a token that no head is asked about.
inline constexpr std::int32_t kIgnored = -100;

/// Of one window: tokens of it, counted from its first; both the first where it does not show the whole answer.
struct AnswerTarget {
  std::int32_t start = 0;
  std::int32_t end = 0;       ///< the last token
  std::int32_t n_tokens = 0;  ///< of the window
  friend bool operator==(AnswerTarget const&, AnswerTarget const&) = default;
};

/// What a head is trained on for one text.
using Target = std::variant<std::monostate,             // not labelled
                            std::int32_t,               // classification: label index
                            std::vector<float>,         // multilabel: 0 or 1 per label
                            float,                      // regression: (value - offset) / scale
                            std::vector<std::int32_t>,  // tagging: a tag per token, kIgnored elsewhere
                            AnswerTarget>;              // span

/// How the targets of one task are made.
struct TargetSpec {
  task::TaskType type = task::TaskType::Classification;
  task::LabelSet labels;
  double offset = 0.0;
  double scale = 1.0;
};

/// Standard deviation of the regression targets, whose mean is 0: about the size that the logits of a trained
/// classifier have, so that one learning rate suits all heads.
inline constexpr double kTargetDeviation = 2.5;

struct TargetScale {
  double offset = 0.0;
  double scale = 1.0;
};

/// The scale on which `values` (training rows; original unit) have mean 0 and deviation `kTargetDeviation`. Values that
/// are all the same keep their unit. docs/decisions/regression-targets.md has the reasons.
[[nodiscard]] TargetScale target_scale(std::span<double const> values);

struct Features {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> type_ids;
  std::int32_t second_text =
      0;  ///< index of the token where a pair's second text begins; the number of tokens where there is one text
  bool apart =
      false;  ///< the texts of the pair are sequences of their own: positions start anew, neither sees the other
  std::vector<Target> targets;  ///< one per task of the stream
  bool truncated = false;
};

/// `targets`: one spec per task of the stream. A label outside its set gives no target.
[[nodiscard]] Features features_of(task::Example const& example, text::Tokenizer const& tokenizer,
                                   std::size_t max_length, std::span<TargetSpec const> targets);

/// How a span task reads.
[[nodiscard]] text::PassageOptions passage_options(task::TaskSpec const& task, std::size_t max_length);

/// The windows of a question and its context, each a row of its own. Of several answers the first is learned. A window
/// that does not show all of it teaches that there is none.
[[nodiscard]] std::vector<Features> features_of_windows(task::Example const& example, text::Tokenizer const& tokenizer,
                                                        text::PassageOptions const& options);

}  // namespace polytask::data
