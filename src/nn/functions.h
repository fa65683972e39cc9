// The packed kernels as functions that can be differentiated. On a CPU they run on the room `kernels`; tensors
// elsewhere use LibTorch's own operations, with the same meaning.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "kernels/dropout.h"
#include "kernels/precision.h"

namespace polytask::nn {

/// x: [rows, in]; x W^T + b of the layer: [rows, out]. What it is multiplied in holds for the backward too.
torch::Tensor linear(torch::Tensor const& x, torch::nn::LinearImpl const& layer,
                     kernels::Precision products = kernels::Precision::Float32);

/// Three layers of one shape on the same rows: [rows, 3 * out], a before b before c.
torch::Tensor linear_side_by_side(torch::Tensor const& x, torch::nn::LinearImpl const& a,
                                  torch::nn::LinearImpl const& b, torch::nn::LinearImpl const& c,
                                  kernels::Precision products = kernels::Precision::Float32);

/// The exact GELU, element by element.
torch::Tensor exact_gelu(torch::Tensor const& x);

/// qkv: [tokens, 3 * hidden]; returns the context, [tokens, hidden].
torch::Tensor packed_attention(torch::Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads,
                               kernels::Dropout const& dropout);

/// LayerNorm(dropout(x) + residual); x and residual: [rows, width]; `residual` may be undefined (nothing is added).
torch::Tensor add_layer_norm(torch::Tensor const& x, torch::Tensor const& residual, torch::Tensor const& gamma,
                             torch::Tensor const& beta, double epsilon, kernels::Dropout const& dropout);

torch::Tensor dropout(torch::Tensor const& x, kernels::Dropout const& dropout);

/// hidden: [tokens, hidden]; mean over the tokens of each text in `texts` (indices into offsets): [texts, hidden].
torch::Tensor mean_pool(torch::Tensor const& hidden, std::vector<std::int32_t> const& offsets,
                        std::vector<std::int64_t> const& texts);

}  // namespace polytask::nn
