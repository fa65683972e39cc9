// Where a run computes.
#pragma once

#include <torch/types.h>

#include <string>

#include "kernels/precision.h"

namespace polytask::train {

/// "cpu" or "cuda". Throws Error{InvalidUsage} when this LibTorch has no such device.
[[nodiscard]] torch::Device device_of(std::string const& name);

/// "auto" as this processor is measured (kernels::bfloat16_gain()), "f32" or "bf16"; any other word as it is.
[[nodiscard]] std::string precision_here(std::string const& precision);

/// What layers multiply in while they are trained, by the word of the configuration. Throws Error{InvalidUsage} where
/// that is not built: without instructions for it, or elsewhere than on a CPU.
[[nodiscard]] kernels::Precision products_of(std::string const& precision, torch::Device device);

/// Threads of LibTorch and of OpenMP, with which the kernels and their matrix products compute.
void use_threads(int n_threads);

}  // namespace polytask::train
