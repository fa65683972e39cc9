#include "train/internal/device.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <torch/torch.h>

#include "base/error.h"
#include "kernels/packed_linear.h"
#include "kernels/peak.h"

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

std::string precision_here(std::string const& precision) {
  return precision == "auto" ? std::string(kernels::to_string(kernels::worthwhile_precision())) : precision;
}

kernels::Precision products_of(std::string const& precision, torch::Device device) {
  if (precision == "auto" && !device.is_cpu()) return kernels::Precision::Float32;
  auto const products = kernels::parse_precision(precision_here(precision)).value();
  if (products == kernels::Precision::Float32) return products;
  if (!device.is_cpu())
    throw Error(ErrorCode::InvalidUsage, "train.precision: is " + quote(precision) +
                                             ", which is built for --device cpu alone; use \"f32\" here");
  if (kernels::detected_instructions() < kernels::InstructionSet::Avx512Bf16)
    throw Error(ErrorCode::InvalidUsage, "train.precision: is " + quote(precision) +
                                             ", for which this processor has no instructions (AVX-512 BF16), so that "
                                             "it would be slower; use \"f32\"");
  return products;
}

void use_threads(int n_threads) {
  expects(n_threads >= 1, "at least one thread computes");
  at::set_num_threads(n_threads);
  omp_set_num_threads(n_threads);
}

}  // namespace polytask::train
