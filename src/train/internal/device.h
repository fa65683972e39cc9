// Where a run computes.
#pragma once

#include <torch/types.h>

#include <string>

namespace polytask::train {

/// "cpu" or "cuda". Throws Error{InvalidUsage} when this LibTorch has no such device.
[[nodiscard]] torch::Device device_of(std::string const& name);

/// Threads of LibTorch and of OpenMP, with which the kernels and their matrix products compute.
void use_threads(int n_threads);

}  // namespace polytask::train
