// One encoder, whose top layers may exist once for each reading or task (model::Branch), and a head per task.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <vector>

#include "model/model_folder.h"
#include "nn/encoder.h"
#include "nn/read_rows.h"
#include "nn/text_selection.h"

namespace polytask::nn {

/// Which tokens or texts of a batch a head looks at.
struct HeadInput {
  std::size_t head = 0;
  std::vector<std::int64_t> texts;  ///< indices of texts
  /// Tagging: indices of tokens of those texts in the packed batch; span: all of their tokens.
  std::vector<std::int64_t> tokens;
};

/// Not thread-safe. A shared handle: copying it aliases the weights.
class MultiTaskModelImpl : public torch::nn::Module {
 public:
  /// Weights are unspecified until the encoder's `load` or `initialize` and then `initialize_tasks`.
  MultiTaskModelImpl(model::EncoderConfig const& encoder_config, model::ModelSpec spec, double head_dropout);

  /// One pass through the layers below which no branch has parted, one through what is above them for each branch that
  /// is asked for, of the texts it is asked for, then the heads. A head for pairs sees, beside the pooled state of the
  /// whole, how the mean states u and v of its two texts differ: [pooled, |u - v|, u * v] (features of Conneau et al.
  /// 2017, arXiv:1705.02364). A regression over two texts that are encoded apart sees sqrt(hidden) * cos(u, v) alone
  /// (the regression objective of Reimers and Gurevych 2019, arXiv:1908.10084, with a line behind it). Where a head has
  /// a pooler, tanh(W pooled + b) stands in the place of the pooled state (model::Pooler). A span head sees every
  /// token. Returns the logits in the order of `inputs`: [texts, outputs] or [tokens, outputs].
  std::vector<torch::Tensor> forward(PackedTexts const& texts, std::span<HeadInput const> inputs, Pass pass);

  [[nodiscard]] model::ModelSpec const& spec() const noexcept { return spec_; }
  [[nodiscard]] Encoder& encoder() noexcept { return encoder_; }
  /// Heads start as the encoder's weights once did, private layers as the encoder's own.
  void initialize_tasks(Rng& rng);
  /// What the names begin with of the parameters that no other head reads.
  [[nodiscard]] std::vector<std::string> own_parameters(std::size_t head) const;
  /// Of a head that sees one number.
  void set_line(std::size_t head, double slope, double intercept);

  /// What the head's logits are divided by when they are decoded; `forward` leaves them as they are.
  void set_temperature(std::size_t head, double temperature) { spec_.heads[head].temperature = temperature; }
  /// As model::HeadSpec has it.
  void set_null_threshold(std::size_t head, double threshold) { spec_.heads[head].null_threshold = threshold; }

  /// Weights only; the caller adds the tokenizer's files.
  void save(std::filesystem::path const& model_folder) const;
  /// Throws what read_model_weights throws.
  void load(std::filesystem::path const& model_folder);

 private:
  /// What the last layer made of some texts, as far as anybody reads it.
  struct TopStates {
    TextSelection const& own;
    ReadRows const& read;
    torch::Tensor hidden;  ///< [read rows, hidden]
  };
  /// From the layers that all branches share to the top of one.
  torch::Tensor top_of(model::Branch const& branch, torch::Tensor hidden, std::vector<std::int32_t> const& sequences,
                       torch::Tensor const& read, Pass& pass);
  /// The layers that the branch has for itself; none where it passes those of the encoder.
  [[nodiscard]] torch::nn::ModuleList layers_of(model::Branch const& branch) const;
  /// Of the tokens of a selection, those whose states the heads look at.
  [[nodiscard]] ReadRows rows_read(std::span<HeadInput const> inputs, TextSelection const& own,
                                   torch::Device device) const;
  /// Of one head's texts, by its pooler where it has one.
  [[nodiscard]] torch::Tensor pooled_states(std::size_t head, TopStates const& top,
                                            std::vector<std::int64_t> const& texts) const;
  /// What the head's linear layer sees.
  [[nodiscard]] torch::Tensor states_of(HeadInput const& input, TopStates const& top) const;
  /// Of a parameter of the top `n_layers`, as the encoder names its own.
  [[nodiscard]] std::string published_name(std::size_t n_layers, std::string const& parameter) const;
  /// Named as the encoder names its own.
  void write_layers(std::filesystem::path const& path, torch::nn::ModuleList const& layers) const;
  void load_layers(torch::nn::ModuleList const& layers, std::map<std::string, model::Tensor> const& weights) const;

  model::ModelSpec spec_;
  double head_dropout_;
  std::vector<model::Branch> branches_;  ///< of spec_
  std::int64_t n_layers_;                ///< of the encoder
  std::int64_t n_shared_layers_;         ///< that all branches pass
  Encoder encoder_;
  torch::nn::ModuleList heads_;
  std::map<std::size_t, torch::nn::Linear> poolers_;                ///< of the heads that have one
  std::map<model::Reading, torch::nn::ModuleList> private_layers_;  ///< of spec_.private_readings()
  std::map<std::size_t, torch::nn::ModuleList> task_layers_;        ///< of the heads that have layers for themselves
};
TORCH_MODULE(MultiTaskModel);

}  // namespace polytask::nn
