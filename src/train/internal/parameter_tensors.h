// Parameters with their moments, to a checkpoint and back.
#pragma once

#include <string>

#include "train/checkpoint.h"
#include "train/internal/adamw.h"

namespace polytask::train {

/// A copy on the CPU.
[[nodiscard]] model::Tensor to_tensor(torch::Tensor const& tensor);
/// Throws Error{Corrupt} where it is missing or of another shape.
void from_tensor(torch::Tensor target, NamedTensors const& tensors, std::string const& name);

/// Fills `tensors` and `state.n_updates`; all rows must be caught up.
void store_parameters(AdamW const& optimizer, Checkpoint& checkpoint);
/// Throws Error{Corrupt} where one is missing or of another shape.
void restore_parameters(AdamW& optimizer, Checkpoint const& checkpoint);

}  // namespace polytask::train
