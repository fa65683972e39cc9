#include "train/task_stop.h"

#include <cmath>

#include "base/error.h"

namespace polytask::train {

bool note_score(TaskProgress& progress, double score, std::int64_t step, double one_row, std::int64_t patience) {
  expects(!progress.has_stopped(), "a task that has stopped is not asked any more");
  if (!std::isfinite(score)) score = 0;
  bool const is_first = progress.kept_step == 0;
  bool const is_better = is_first || score > progress.best_score;
  bool const is_kept = is_better || score >= progress.best_score - one_row;
  if (is_better) progress.best_score = score;
  if (is_kept) progress.kept_step = step;
  progress.n_evaluations_without_better = is_better ? 0 : progress.n_evaluations_without_better + 1;
  if (progress.n_evaluations_without_better >= patience) progress.stopped_step = step;
  return is_kept;
}

}  // namespace polytask::train
