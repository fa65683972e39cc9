// What a bag-of-words model says about rows that it has not learned from: the evidence for doubting a label.
// Method: cross-validation; linear models over hashed words and word pairs learned by AdaGrad, as baselines.h but
// faster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "eval/baselines.h"

namespace polytask::eval {

struct OutOfFoldOptions {
  std::size_t n_folds = 3;  ///< >= 2; rows with the same words stay in one fold
  int n_passes = 4;         ///< over the rows of the other folds; fewer, down to one, beyond 400,000 rows
  std::uint64_t seed = 1;
  double most_updates = 2e10;                      ///< of weights; more rows than that allows are sampled
  std::size_t most_values = std::size_t{1} << 26;  ///< of rows times outputs; the same
};

/// Scores [rows, outputs]: probabilities of each label (classification: they sum to 1; multilabel: one by one), or the
/// number (regression).
struct OutOfFold {
  std::vector<std::size_t> rows;  ///< indices into LabelledRows, ascending: those with a label, or a sample of them
  std::size_t n_labelled = 0;     ///< rows with a label; more than rows.size() where a sample was looked at
  std::size_t n_outputs = 0;
  std::vector<float> scores;
};

/// Classification, multilabel and regression; empty for tagging, without labels, or with fewer rows than folds.
/// Deterministic in (rows, options).
[[nodiscard]] OutOfFold out_of_fold_scores(task::TaskSpec const& spec, task::LabelSet const& labels,
                                           LabelledRows const& rows, OutOfFoldOptions const& options);

}  // namespace polytask::eval
