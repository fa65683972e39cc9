#include "nn/convolution.h"

#include <torch/torch.h>

#include "nn/functions.h"

namespace polytask::nn {

using torch::Tensor;

ConvolutionImpl::ConvolutionImpl(model::EncoderConfig const& config)
    : config_(config.convolution.value()), dropout_rate_(config.dropout.output) {
  auto const hidden = config.hidden_size;
  conv_ = register_module("conv", torch::nn::Conv1d(torch::nn::Conv1dOptions(hidden, hidden, config_.width)));
  norm_ = register_module("LayerNorm", Norm(hidden, config.layer_norm_eps, config.has_norm_bias));
}

Tensor ConvolutionImpl::forward(Tensor const& below, Tensor const& above, Surroundings const& around, Pass& pass) {
  auto const seen = around.of_read(neighbours(below, around.sequences, config_.width));
  // As a product, so that it runs where the other products do, in their precision.
  auto const weight = conv_->weight.permute({0, 2, 1}).reshape({conv_->weight.size(0), seen.size(1)});
  auto const found = linear(seen, weight, conv_->bias, pass.products());
  auto const added = activate(dropout(found, pass.next_dropout(dropout_rate_)), config_.activation);
  return norm_->forward(added, above);
}

}  // namespace polytask::nn
