#include "train/internal/device.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <torch/torch.h>

#include "base/error.h"

namespace polytask::train {

torch::Device device_of(std::string const& name) {
  if (name == "cpu") return torch::kCPU;
  if (name != "cuda")
    throw Error(ErrorCode::InvalidUsage, "device " + quote(name) + " is not known; expected \"cpu\" or \"cuda\"");
  if (!torch::cuda::is_available())
    throw Error(ErrorCode::InvalidUsage,
                "device \"cuda\": this LibTorch sees no GPU; build with a LibTorch that has CUDA "
                "(docs/guides/installing.md) or use \"cpu\"");
  return torch::kCUDA;
}

void use_threads(int n_threads) {
  expects(n_threads >= 1, "at least one thread computes");
  at::set_num_threads(n_threads);
  omp_set_num_threads(n_threads);
}

}  // namespace polytask::train
