// The packed kernels as functions that can be differentiated. On a CPU they run on the room `kernels`; tensors
// elsewhere use LibTorch's own operations, with the same meaning.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/dropout.h"
#include "kernels/precision.h"
#include "kernels/relative_attention.h"

namespace polytask::nn {

/// x: [rows, in]; x W^T + b of the layer: [rows, out]. What it is multiplied in holds for the backward too.
torch::Tensor linear(torch::Tensor const& x, torch::nn::LinearImpl const& layer,
                     kernels::Precision products = kernels::Precision::Float32);

/// The same with weight [out, in] and bias [out].
torch::Tensor linear(torch::Tensor const& x, torch::Tensor const& weight, torch::Tensor const& bias,
                     kernels::Precision products = kernels::Precision::Float32);

/// Three layers of one shape on the same rows: [rows, 3 * out], a before b before c.
torch::Tensor linear_side_by_side(torch::Tensor const& x, torch::nn::LinearImpl const& a,
                                  torch::nn::LinearImpl const& b, torch::nn::LinearImpl const& c,
                                  kernels::Precision products = kernels::Precision::Float32);

/// The exact GELU, element by element.
torch::Tensor exact_gelu(torch::Tensor const& x);

/// By its word in model::EncoderConfig or model::Convolution, element by element.
torch::Tensor activate(torch::Tensor const& x, std::string const& name);

/// x: [tokens, hidden] -> [tokens, width * hidden]: the rows of the `width` tokens around each, the token's own in the
/// middle, from the first to the last; zeros for what lies outside of its sequence. width: odd.
torch::Tensor neighbours(torch::Tensor const& x, std::vector<std::int32_t> const& sequences, std::int64_t width);

/// qkv: [tokens, 3 * hidden]; returns the context, [tokens, hidden]. `reach`: of kernels::AttentionShape.
torch::Tensor packed_attention(torch::Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads,
                               kernels::Dropout const& dropout, std::int64_t reach = 0);

/// The same with scores that depend on distances (kernels/relative_attention.h). of_keys and of_queries: [2 span,
/// hidden], what distances have as keys and as queries; either may be undefined.
torch::Tensor relative_attention(torch::Tensor const& qkv, torch::Tensor const& of_keys,
                                 torch::Tensor const& of_queries, std::vector<std::int32_t> const& offsets,
                                 std::int64_t heads, kernels::RelativeRows const& rows,
                                 kernels::Dropout const& dropout);

/// qkv with its queries and keys turned by the angles of their tokens' places (kernels/rotary.h).
torch::Tensor rotate(torch::Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads,
                     double theta);

/// LayerNorm(dropout(x) + residual); x and residual: [rows, width]; `residual` may be undefined (nothing is added).
torch::Tensor add_layer_norm(torch::Tensor const& x, torch::Tensor const& residual, torch::Tensor const& gamma,
                             torch::Tensor const& beta, double epsilon, kernels::Dropout const& dropout);

torch::Tensor dropout(torch::Tensor const& x, kernels::Dropout const& dropout);

/// hidden: [tokens, hidden]; mean over the tokens of each text in `texts` (indices into offsets): [texts, hidden].
torch::Tensor mean_pool(torch::Tensor const& hidden, std::vector<std::int32_t> const& offsets,
                        std::vector<std::int64_t> const& texts);

}  // namespace polytask::nn
