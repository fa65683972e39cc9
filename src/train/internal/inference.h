// Texts through a model without gradients: for answers, and for the dev scores of a run.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/features.h"
#include "nn/multi_task_model.h"
#include "task/example.h"
#include "task/passage.h"
#include "task/prediction.h"
#include "task/tagging.h"
#include "text/tokenizer.h"
#include "train/internal/packed_batch.h"

namespace polytask::train {

/// A text as the encoder reads it, with the units that tagging heads answer for. Made once, read as often as wanted.
struct EncodedText {
  std::vector<data::Features> sequences;  ///< without targets; one, the windows of a passage, or one a choice
  std::vector<task::TaggedUnit> units;
  std::optional<task::Passage> passage;
  std::string context;  ///< of a passage
  [[nodiscard]] std::size_t n_tokens() const;
};

/// `task`: one of those that will be asked, which all read alike.
[[nodiscard]] EncodedText encode_text(text::Tokenizer const& tokenizer, task::Example const& example,
                                      task::TaskSpec const& task, std::size_t max_length);

struct InferenceOptions {
  torch::Device device;
  std::function<bool()> should_stop = {};  ///< asked between batches; the result is then incomplete
  FrozenPart* frozen = nullptr;            ///< texts start from its states, which are rounded; none = from their tokens
};

/// [text][position in heads].
[[nodiscard]] std::vector<std::vector<task::Prediction>> infer(nn::MultiTaskModel& model,
                                                               std::span<EncodedText const> texts,
                                                               std::span<std::size_t const> heads,
                                                               InferenceOptions const& options);

}  // namespace polytask::train
