// Where a run computes, and whether the machine is set up for it.
#pragma once

#include <torch/types.h>

#include <optional>
#include <string>

namespace polytask::train {

/// "cpu" or "cuda". Throws Error{InvalidUsage} when this LibTorch has no such device.
[[nodiscard]] torch::Device device_of(std::string const& name);

/// Threads of LibTorch, OpenMP and, through it, the matrix products.
void use_threads(int n_threads);

/// One sentence when the matrix products run on a library that is slow or fights with our threads.
[[nodiscard]] std::optional<std::string> blas_warning();

}  // namespace polytask::train
