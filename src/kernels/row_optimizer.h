// AdamW for a table of which a step touches few rows: the embeddings of the words that stand in a batch.
// A row that gets no gradient moves all the same, by its momentum and its decay; here it does so when somebody next
// looks at it, all its missed steps one after another while it is in the cache. The numbers are those of AdamW over the
// whole table, to rounding (first moments under 1e-20, which move a weight by less than 1e-12 learning rates, become
// 0).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/optimizer.h"

namespace polytask::kernels {

/// The table and its moments, borrowed: [rows, width] each.
struct RowTable {
  std::span<float> weights;
  std::span<float> first_moment;
  std::span<float> second_moment;
};

class RowAdamW {
 public:
  /// Of a table of which every row has been through the first `n_steps` steps.
  RowAdamW(std::int64_t n_rows, std::int64_t width, std::int64_t n_steps);

  /// Takes rows through the steps that they have missed. They may be named more than once. The same bits, however often
  /// a row is caught up on the way.
  void catch_up(RowTable const& table, std::span<std::int64_t const> rows);
  void catch_up_all(RowTable const& table);

  /// The next step. `rows`: different ones, which are caught up; `gradient`: [rows.size(), width].
  void step(AdamWStep const& step, RowTable const& table, std::span<std::int64_t const> rows,
            std::span<float const> gradient);

 private:
  std::int64_t width_;
  std::int64_t n_steps_;
  std::int64_t first_step_;           ///< that `steps_` still has, from 0
  std::vector<AdamWFactors> steps_;   ///< those that some row may have missed
  std::vector<std::int64_t> n_done_;  ///< by row: steps that it has been through
};

}  // namespace polytask::kernels
