// What words are hidden? BERT's head over an encoder, and the losses that a teacher adds.
// Method: masked language modelling (Devlin et al. 2019, arXiv:1810.04805, section 3.1) with the decoder tied to the
// word embeddings; the softmax over the vocabulary is computed at hidden positions alone. Sentence vectors learnt from
// a teacher (Reimers and Gurevych 2020, arXiv:2004.09813; here cosine by default); relations between queries, keys and
// values as in MiniLMv2 (Wang et al. 2020, arXiv:2012.15828, section 3).
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "nn/encoder.h"

namespace polytask::nn {

/// Names as in the published checkpoints: `cls.predictions.transform.dense.weight`, `cls.predictions.bias`, ...
class MaskedLanguageHeadImpl : public torch::nn::Module {
 public:
  explicit MaskedLanguageHeadImpl(model::EncoderConfig const& config);

  struct Loss {
    torch::Tensor mean;  ///< scalar, ready for backward
    double sum = 0;      ///< over the rows
  };
  /// hidden: [rows, hidden], of hidden words alone; targets: their ids. `embeddings`: [vocab, hidden], the encoder's.
  Loss forward(torch::Tensor const& hidden, torch::Tensor const& embeddings, std::vector<std::int64_t> const& targets,
               kernels::Precision products);

  void initialize(double deviation, Rng& rng);
  [[nodiscard]] std::map<std::string, model::Tensor> save() const;
  /// Every parameter by its name must be there with its shape.
  void load(std::map<std::string, model::Tensor> const& weights);

 private:
  double layer_norm_eps_;
  torch::nn::Linear dense_;
  torch::nn::LayerNorm norm_;
  torch::Tensor bias_;
};
TORCH_MODULE(MaskedLanguageHead);

/// Names and shapes of the head's tensors.
[[nodiscard]] std::map<std::string, std::vector<std::int64_t>> expected_language_head_tensors(
    model::EncoderConfig const& config);

/// 1 - cosine of each pair of rows, mean. Both [rows, width].
torch::Tensor cosine_loss(torch::Tensor const& student, torch::Tensor const& teacher);

/// Query, key and value of some tokens, [tokens, 3 * hidden].
torch::Tensor relation_inputs(torch::Tensor const& hidden, torch::nn::Module const& attention_self);

/// Mean over heads, tokens and the three relations of KL(teacher || student) between the distributions that each
/// token's scaled products with all tokens of its text make. student, teacher: [tokens, 3 * hidden], hidden sizes may
/// differ; both are multiples of `n_heads`. offsets: bounds of the texts.
torch::Tensor relation_loss(torch::Tensor const& student, torch::Tensor const& teacher,
                            std::vector<std::int32_t> const& offsets, std::int64_t n_heads);

}  // namespace polytask::nn
