// What a layer is given with the states of the tokens.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace polytask::nn {

/// What a layer sees besides the states of the tokens.
struct Surroundings {
  std::vector<std::int32_t> const& sequences;  ///< bounds that attention stays inside
  torch::Tensor distances;                     ///< EmbeddingsImpl::distances
  torch::Tensor read = {};                     ///< rows whose states anybody reads afterwards; undefined = all

  [[nodiscard]] torch::Tensor of_read(torch::Tensor const& states) const {
    return read.defined() ? states.index_select(0, read) : states;
  }
};

}  // namespace polytask::nn
