// One encoder and a head per task.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "model/model_folder.h"
#include "nn/encoder.h"

namespace polytask::nn {

/// Which tokens or texts of a batch a head looks at.
struct HeadInput {
  std::size_t head = 0;
  std::vector<std::int64_t> texts;   ///< indices of texts; of the pooled vectors
  std::vector<std::int64_t> tokens;  ///< tagging: indices of tokens in the packed batch
};

/// Not thread-safe. A shared handle: copying it aliases the weights.
class MultiTaskModelImpl : public torch::nn::Module {
 public:
  /// Weights are unspecified until `initialize_heads` and the encoder's `load` or `initialize`.
  MultiTaskModelImpl(model::EncoderConfig const& encoder_config, model::ModelSpec spec, double head_dropout);

  /// One pass through the encoder, then the heads asked for. A head for pairs sees, beside the pooled state of the whole, how
  /// the mean states u and v of its two texts differ: [pooled, |u - v|, u * v] (features of Conneau et al. 2017,
  /// arXiv:1705.02364). Returns the logits in the order of `inputs`:
  /// [texts, outputs] or [tokens, outputs].
  std::vector<torch::Tensor> forward(PackedTexts const& texts, std::span<HeadInput const> inputs, DropoutSites sites);

  [[nodiscard]] model::ModelSpec const& spec() const noexcept { return spec_; }
  [[nodiscard]] Encoder& encoder() noexcept { return encoder_; }
  void initialize_heads(Rng& rng);

  /// Weights only; the caller adds the tokenizer's files.
  void save(std::filesystem::path const& model_folder) const;
  /// Throws Error{InvalidInput} naming the file and the tensor that does not fit.
  void load(std::filesystem::path const& model_folder);

 private:
  model::ModelSpec spec_;
  double head_dropout_;
  Encoder encoder_;
  torch::nn::ModuleList heads_;
};
TORCH_MODULE(MultiTaskModel);

}  // namespace polytask::nn
