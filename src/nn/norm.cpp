#include "nn/norm.h"

#include <torch/torch.h>

#include "nn/functions.h"

namespace polytask::nn {

NormImpl::NormImpl(std::int64_t width, double epsilon, bool has_bias) : epsilon_(epsilon) {
  weight_ = register_parameter("weight", torch::ones({width}));
  if (has_bias) bias_ = register_parameter("bias", torch::zeros({width}));
}

torch::Tensor NormImpl::forward(torch::Tensor const& x, torch::Tensor const& residual,
                                kernels::Dropout const& dropout) const {
  auto const bias = bias_.defined() ? bias_ : torch::zeros_like(weight_.detach());
  return add_layer_norm(x, residual, weight_, bias, epsilon_, dropout);
}

}  // namespace polytask::nn
