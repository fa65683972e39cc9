// An encoder over packed texts; the module tree is the tree of names of model::expected_encoder_tensors.
#pragma once

#include <torch/nn/modules/container/modulelist.h>

#include <map>
#include <string>

#include "base/random.h"
#include "model/encoder_files.h"
#include "nn/embeddings.h"
#include "nn/layer.h"
#include "nn/packed.h"

namespace polytask::nn {

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
  /// `read`: the rows of the result that are wanted, ascending; undefined = all.
  torch::Tensor forward_until(PackedTexts const& texts, std::int64_t last, Pass& pass, torch::Tensor const& read = {});
  torch::Tensor forward_layers(torch::Tensor hidden, std::vector<std::int32_t> const& sequences, std::int64_t first,
                               std::int64_t last, Pass& pass, torch::Tensor const& read = {});
  [[nodiscard]] Layer layer(std::int64_t index) const;
  /// What its layers see besides the states; `sequences` is borrowed.
  [[nodiscard]] Surroundings surroundings(std::vector<std::int32_t> const& sequences) const;

  [[nodiscard]] model::EncoderConfig const& config() const noexcept { return config_; }
  /// Every parameter by its name must be there with its shape: `model::read_encoder_weights` sees to it.
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
