// One Transformer layer of any encoder over packed texts.
#pragma once

#include <torch/nn/modules/linear.h>

#include <cstdint>

#include "model/encoder_config.h"
#include "nn/convolution.h"
#include "nn/norm.h"
#include "nn/packed.h"
#include "nn/surroundings.h"

namespace polytask::nn {

/// Parameters have the names of model::expected_encoder_tensors below "encoder.layer.<index>.".
class LayerImpl : public torch::nn::Module {
 public:
  LayerImpl(model::EncoderConfig const& config, std::int64_t index);
  /// hidden: [tokens, hidden] -> the same shape, or [read rows, hidden]: attention looks at every token, what follows
  /// it is computed for the rows that are read.
  torch::Tensor forward(torch::Tensor const& hidden, Surroundings const& around, Pass& pass);

 private:
  torch::Tensor forward_halves(torch::Tensor const& hidden, Surroundings const& around, Pass& pass);
  torch::Tensor forward_norm_after(torch::Tensor const& hidden, Surroundings const& around, Pass& pass);
  torch::Tensor forward_norm_before(torch::Tensor const& hidden, Surroundings const& around, Pass& pass);
  /// What attention makes of states, before it is added to them.
  torch::Tensor attend(torch::Tensor const& states, Surroundings const& around, Pass& pass);
  torch::Tensor attend_with_distances(torch::Tensor const& qkv, Surroundings const& around, Pass& pass);
  /// What the feed-forward half makes of states, before it is added to them.
  torch::Tensor feed_forward(torch::Tensor const& states, Pass& pass);

  model::EncoderConfig config_;
  model::LayerAttention attention_;
  torch::nn::Linear query_{nullptr}, key_{nullptr}, value_{nullptr}, attention_output_{nullptr}, intermediate_{nullptr},
      output_{nullptr};
  torch::nn::Linear gate_{nullptr};                                    ///< of a gated layer
  torch::nn::Linear position_key_{nullptr}, position_query_{nullptr};  ///< where distances have their own
  Norm attention_norm_{nullptr}, output_norm_{nullptr};
  Convolution convolution_{nullptr};  ///< beside the first layer of those that have one
  Norm last_norm_{nullptr};           ///< behind the last layer of those that have their norms before each half
};
TORCH_MODULE(Layer);

}  // namespace polytask::nn
