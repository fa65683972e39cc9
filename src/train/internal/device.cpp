#include "train/internal/device.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <omp.h>
#include <torch/torch.h>

#include "base/error.h"

namespace polytask::train {

torch::Device device_of(std::string const& name) {
  if (name == "cpu") return torch::kCPU;
  if (name != "cuda") throw Error(ErrorCode::InvalidUsage, "device " + quote(name) + " is not known; expected \"cpu\" or \"cuda\"");
  if (!torch::cuda::is_available())
    throw Error(ErrorCode::InvalidUsage, "device \"cuda\": this LibTorch sees no GPU; build with a LibTorch that has CUDA (docs/guides/installing.md) or use \"cpu\"");
  return torch::kCUDA;
}

void use_threads(int n_threads) {
  expects(n_threads >= 1, "at least one thread computes");
  at::set_num_threads(n_threads);
  omp_set_num_threads(n_threads);
}

std::optional<std::string> blas_warning() {
  using Parallel = int (*)();
  if (auto const openblas = reinterpret_cast<Parallel>(::dlsym(RTLD_DEFAULT, "openblas_get_parallel"))) {
    constexpr int kOwnThreads = 1;
    if (openblas() == kOwnThreads)
      return "the OpenBLAS in use has threads of its own that fight with LibTorch's (training runs at about half its speed); install libopenblas0-openmp";
    return std::nullopt;
  }
  if (::dlsym(RTLD_DEFAULT, "MKL_Get_Max_Threads") != nullptr || ::dlsym(RTLD_DEFAULT, "mkl_serv_get_max_threads") != nullptr ||
      at::hasMKL())
    return std::nullopt;
  return "the matrix products run on a BLAS that is not OpenBLAS or MKL, probably the slow reference one; install libopenblas0-openmp";
}

}  // namespace polytask::train
