// When a task learns no more, while the others go on.
// Method: early stopping (Prechelt 1998, "Early Stopping - But When?", his third class: a number of evaluations in a
// row without a better one), for each task by itself. Where we differ: what a task had when it was best is kept only
// where nothing else that it reads has been trained since; an encoder that others go on training would no longer fit
// it.
#pragma once

#include <cstdint>

namespace polytask::train {

/// How a task's dev score has gone so far.
struct TaskProgress {
  double best_score = 0;       ///< the highest; meaningless before the first evaluation
  std::int64_t kept_step = 0;  ///< whose head and layers are the ones to keep; 0 = not evaluated yet
  std::int64_t n_evaluations_without_better = 0;
  std::int64_t stopped_step = 0;  ///< after which it learns no more; 0 = it learns

  [[nodiscard]] bool has_stopped() const noexcept { return stopped_step > 0; }
  friend bool operator==(TaskProgress const&, TaskProgress const&) = default;
};

/// Takes note of the task's `score` after `step`; an undefined one (NaN) counts as 0. `one_row` is what one dev row
/// makes in it: of scores that lie no further apart, the last is kept, as of whole checkpoints. After `patience`
/// evaluations in a row without a better score the task stops. Whether its head and layers are now those to keep. Must
/// not be called for a task that has stopped.
[[nodiscard]] bool note_score(TaskProgress& progress, double score, std::int64_t step, double one_row,
                              std::int64_t patience);

}  // namespace polytask::train
