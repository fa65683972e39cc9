// The BERT encoder over packed texts; the module tree is the tree of names in the published checkpoints.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <map>
#include <string>

#include "base/random.h"
#include "model/encoder_files.h"
#include "nn/packed.h"

namespace polytask::nn {

class EmbeddingsImpl : public torch::nn::Module {
 public:
  explicit EmbeddingsImpl(model::EncoderConfig const& config);
  torch::Tensor forward(PackedTexts const& texts, Pass& pass);

 private:
  double layer_norm_eps_;
  double dropout_;
  torch::nn::Embedding word_embeddings_, position_embeddings_, token_type_embeddings_;
  torch::nn::LayerNorm norm_;
};
TORCH_MODULE(Embeddings);

/// One Transformer layer, post-LayerNorm (Devlin et al. 2019, arXiv:1810.04805).
class LayerImpl : public torch::nn::Module {
 public:
  explicit LayerImpl(model::EncoderConfig const& config);
  /// hidden: [tokens, hidden] -> the same shape. Attention stays inside each of the sequences, given by their bounds.
  torch::Tensor forward(torch::Tensor const& hidden, std::vector<std::int32_t> const& sequences, Pass& pass);

 private:
  model::EncoderConfig config_;
  torch::nn::Linear query_, key_, value_, attention_output_, intermediate_, output_;
  torch::nn::LayerNorm attention_norm_, output_norm_;
};
TORCH_MODULE(Layer);

/// A shared handle: copying it aliases the weights.
class EncoderImpl : public torch::nn::Module {
 public:
  /// Weights are unspecified until `load` or `initialize`.
  explicit EncoderImpl(model::EncoderConfig const& config);

  /// Returns the hidden states of the last layer, [tokens, hidden]. A text's states do not depend on its neighbours.
  /// Token ids, positions and types must lie inside the configuration's sizes.
  torch::Tensor forward(PackedTexts const& texts, Pass& pass);
  /// The same in parts: what the first `last` layers make of the texts, from the states that they bring along where
  /// they do, and what layer `last` - 1 makes of what layer `first` sees.
  torch::Tensor forward_until(PackedTexts const& texts, std::int64_t last, Pass& pass);
  torch::Tensor forward_layers(torch::Tensor hidden, std::vector<std::int32_t> const& sequences, std::int64_t first,
                               std::int64_t last, Pass& pass);
  [[nodiscard]] Layer layer(std::int64_t index) const;

  [[nodiscard]] model::EncoderConfig const& config() const noexcept { return config_; }
  /// Every parameter by its published name must be there with its shape: `model::read_encoder_weights` sees to it.
  void load(std::map<std::string, model::Tensor> const& weights);
  [[nodiscard]] std::map<std::string, model::Tensor> save() const;
  /// The embeddings and the first `n_layers` layers stay as they are: they get no gradients.
  void freeze(std::int64_t n_layers);
  /// As BERT: weights normal with `initializer_range`, biases 0, LayerNorm 1 and 0. The same for any LibTorch.
  void initialize(Rng& rng);

 private:
  model::EncoderConfig config_;
  Embeddings embeddings_;
  torch::nn::ModuleList layers_;
};
TORCH_MODULE(Encoder);

/// Fills `weight` with normal values of the given deviation.
void fill_normal(torch::Tensor const& weight, double deviation, Rng& rng);

}  // namespace polytask::nn
