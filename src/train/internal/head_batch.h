// A batch, as its heads see it.
#pragma once

#include <span>
#include <vector>

#include "data/batches.h"
#include "nn/multi_task_model.h"
#include "train/internal/prepared.h"

namespace polytask::train {

/// What one head sees of a batch.
struct HeadBatch {
  nn::HeadInput input;
  std::vector<data::Target const*> targets;

  bool is_mean_of_tokens = false;  ///< its loss, not one of texts

  /// What its loss is a mean over.
  [[nodiscard]] double n_units() const {
    return static_cast<double>(is_mean_of_tokens ? input.tokens.size() : targets.size());
  }
};

/// By head; those that the batch has nothing for are empty.
[[nodiscard]] std::vector<HeadBatch> heads_of(data::Batch const& batch, std::vector<PreparedStream> const& streams,
                                              std::size_t n_heads);

}  // namespace polytask::train
