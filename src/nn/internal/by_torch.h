// Attention and pooling with LibTorch's operations: for devices that the room of kernels does not know.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "kernels/relative_attention.h"

namespace polytask::nn {

struct AttentionByTorch {
  std::int64_t heads = 1;
  std::int64_t reach = 0;
  double dropout_rate = 0;
  kernels::RelativeRows rows = {};  ///< where there are tables of distances
  torch::Tensor of_keys = {};
  torch::Tensor of_queries = {};
};

/// As packed_attention and relative_attention: [tokens, 3 · hidden] -> [tokens, hidden]. The sequences stand side by
/// side in one padded block, because a GPU pays more for a launch per text than for rows that nobody reads.
torch::Tensor attention_by_torch(torch::Tensor const& qkv, std::vector<std::int32_t> const& offsets,
                                 AttentionByTorch const& options);

/// As rotate.
torch::Tensor rotate_by_torch(torch::Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads,
                              double theta);

/// As mean_pool: [tokens, hidden] -> [texts, hidden], as one product with a matrix of shares.
torch::Tensor mean_pool_by_torch(torch::Tensor const& hidden, std::vector<std::int32_t> const& offsets,
                                 std::vector<std::int64_t> const& texts);

}  // namespace polytask::nn
