// What functions that are differentiated keep from their forward for their backward.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "kernels/dropout.h"

namespace polytask::nn {

inline kernels::Dropout saved_dropout(torch::autograd::AutogradContext* context) {
  return {static_cast<float>(context->saved_data["rate"].toDouble()),
          static_cast<std::uint64_t>(context->saved_data["seed"].toInt())};
}

inline void save_dropout(torch::autograd::AutogradContext* context, kernels::Dropout const& dropout) {
  context->saved_data["rate"] = static_cast<double>(dropout.rate);
  context->saved_data["seed"] = static_cast<std::int64_t>(dropout.seed);
}

inline torch::Tensor int_tensor(std::vector<std::int32_t> const& values) {
  return torch::tensor(values, torch::TensorOptions().dtype(torch::kInt32));
}

}  // namespace polytask::nn
