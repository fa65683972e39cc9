// The convolution beside the first layer: what it makes of a token and its neighbours below that layer is added to
// what the layer makes of the token, and normalised (larger DeBERTa v2, He et al. 2021, arXiv:2006.03654).
#pragma once

#include <torch/nn/modules/conv.h>

#include "model/encoder_config.h"
#include "nn/norm.h"
#include "nn/packed.h"
#include "nn/surroundings.h"

namespace polytask::nn {

/// Parameters have the names of model::expected_encoder_tensors below "encoder.layer.0.convolution.".
class ConvolutionImpl : public torch::nn::Module {
 public:
  /// `config` has a convolution.
  explicit ConvolutionImpl(model::EncoderConfig const& config);
  /// below: [tokens, hidden], what the layer saw; above: [tokens or read rows, hidden], what it made of that -> the
  /// shape of `above`. Neighbours outside of a token's sequence count as zeros.
  torch::Tensor forward(torch::Tensor const& below, torch::Tensor const& above, Surroundings const& around, Pass& pass);

 private:
  model::Convolution config_;
  double dropout_rate_;
  torch::nn::Conv1d conv_{nullptr};
  Norm norm_{nullptr};
};
TORCH_MODULE(Convolution);

}  // namespace polytask::nn
