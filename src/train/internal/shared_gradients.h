// The gradients of a batch that several processes have computed in parts.
#pragma once

#include <torch/types.h>

#include <span>
#include <vector>

#include "train/internal/adamw.h"
#include "train/process_group.h"

namespace polytask::train {

/// Puts the sum over all processes in the place of every parameter's gradient; a parameter that had one in any of them
/// has one in each. Of a table with sparse gradients, the rows `ids` (those of the whole batch) are added alone.
/// `numbers` become sums too. One message for all; the buffer is kept from step to step.
class SharedGradients {
 public:
  void sum(ProcessGroup& processes, std::span<OptimizedParameter> parameters, std::span<std::int64_t const> ids,
           std::span<float> numbers);

 private:
  std::vector<float> buffer_;
};

/// Rows of a batch that are a process's own: one after another, and about as many tokens for each.
/// `lengths`: tokens by row. Returns the first and the end.
[[nodiscard]] std::pair<std::size_t, std::size_t> rows_of_process(std::span<std::int64_t const> lengths, int rank,
                                                                  int size);

}  // namespace polytask::train
