// LayerNorm's parameters: LibTorch's module of 1.13 always has a bias, which some encoders do not.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "kernels/dropout.h"

namespace polytask::nn {

class NormImpl : public torch::nn::Module {
 public:
  NormImpl(std::int64_t width, double epsilon, bool has_bias);
  /// LayerNorm(dropout(x) + residual); x and residual: [rows, width]; `residual` may be undefined (nothing is added).
  [[nodiscard]] torch::Tensor forward(torch::Tensor const& x, torch::Tensor const& residual = {},
                                      kernels::Dropout const& dropout = {}) const;

 private:
  double epsilon_;
  torch::Tensor weight_, bias_;
};
TORCH_MODULE(Norm);

}  // namespace polytask::nn
