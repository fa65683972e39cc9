// Tokens -> the states below the first layer.
#pragma once

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>

#include "model/encoder_config.h"
#include "nn/norm.h"
#include "nn/packed.h"

namespace polytask::nn {

class EmbeddingsImpl : public torch::nn::Module {
 public:
  explicit EmbeddingsImpl(model::EncoderConfig const& config);
  /// [tokens, hidden]
  torch::Tensor forward(PackedTexts const& texts, Pass& pass);
  /// The states of the distances between tokens, [2 span, hidden]; undefined where the encoder has none.
  [[nodiscard]] torch::Tensor distances() const;

 private:
  model::EncoderConfig config_;
  torch::nn::Embedding word_embeddings_{nullptr}, position_embeddings_{nullptr}, token_type_embeddings_{nullptr};
  Norm norm_{nullptr};
  torch::nn::Linear projection_{nullptr};
  torch::nn::Embedding relative_{nullptr};
  Norm relative_norm_{nullptr};
};
TORCH_MODULE(Embeddings);

}  // namespace polytask::nn
