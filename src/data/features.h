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

/// Of one row.
struct ChoiceTarget {
  std::int32_t right = 0;      ///< the first choice is 0
  std::int32_t n_choices = 0;  ///< of the row
  friend bool operator==(ChoiceTarget const&, ChoiceTarget const&) = default;
};

/// What a head is trained on for one text.
using Target = std::variant<std::monostate,             // not labelled
                            std::int32_t,               // classification: label index
                            std::vector<float>,         // multilabel: 0 or 1 per label
                            float,                      // regression: (value - offset) / scale
                            std::vector<std::int32_t>,  // tagging: a tag per token, kIgnored elsewhere
                            AnswerTarget,               // span
                            ChoiceTarget>;              // multiple choice

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

/// Of a row: one sequence, or one for each of its choices, one after another.
struct Features {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> type_ids;
  std::int32_t second_text =
      0;  ///< index of the token where a pair's second text begins; the number of tokens where there is one text
  bool apart =
      false;  ///< the texts of the pair are sequences of their own: positions start anew, neither sees the other
  std::vector<std::int32_t> choices;  ///< where the tokens of each choice's pair end; empty where there are none
  std::vector<Target> targets;        ///< one per task of the stream
  bool truncated = false;

  /// In a batch.
  [[nodiscard]] std::size_t n_texts() const { return choices.empty() ? 1 : choices.size(); }
};

/// `targets`: one spec per task of the stream. A label outside its set gives no target.
[[nodiscard]] Features features_of(task::Example const& example, text::Tokenizer const& tokenizer,
                                   std::size_t max_length, std::span<TargetSpec const> targets);

/// The pairs of a text and each of its choices, as one row.
[[nodiscard]] Features features_of_choices(task::Example const& example, text::Tokenizer const& tokenizer,
                                           std::size_t max_length);

/// How a span task reads.
[[nodiscard]] text::PassageOptions passage_options(task::TaskSpec const& task, std::size_t max_length);

/// The windows of a question and its context, each a row of its own. Of several answers the first is learned. A window
/// that does not show all of it teaches that there is none.
[[nodiscard]] std::vector<Features> features_of_windows(task::Example const& example, text::Tokenizer const& tokenizer,
                                                        text::PassageOptions const& options);

}  // namespace polytask::data
