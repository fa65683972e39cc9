#include "model/internal/encoder_tensors.h"

#include <fmt/format.h>

#include <map>

#include "model/internal/encoder_family.h"

namespace polytask::model {
namespace {

/// Lists the tensors of one encoder.
class TensorList {
 public:
  explicit TensorList(EncoderConfig const& config) : config_(config) {}

  std::vector<NamedShape> all() {
    embeddings();
    for (std::int64_t i = 0; i < config_.num_hidden_layers; ++i) layer(i);
    return std::move(tensors_);
  }

 private:
  void table(std::string const& name, std::int64_t rows, std::int64_t width) {
    tensors_.push_back({name + ".weight", {rows, width}});
  }
  void linear(std::string const& name, std::int64_t outputs, std::int64_t inputs, bool has_bias) {
    table(name, outputs, inputs);
    if (has_bias) tensors_.push_back({name + ".bias", {outputs}});
  }
  void norm(std::string const& name, std::int64_t width) {
    tensors_.push_back({name + ".weight", {width}});
    if (config_.has_norm_bias) tensors_.push_back({name + ".bias", {width}});
  }

  void embeddings() {
    auto const width = config_.table_width();
    table("embeddings.word_embeddings", config_.vocab_size, width);
    if (config_.has_position_table) table("embeddings.position_embeddings", config_.max_position_embeddings, width);
    if (config_.type_vocab_size > 0) table("embeddings.token_type_embeddings", config_.type_vocab_size, width);
    bool const projected_first = config_.projection == Projection::BeforeNorm;
    norm("embeddings.LayerNorm", projected_first ? config_.hidden_size : width);
    if (config_.is_projected()) linear("embeddings.projection", config_.hidden_size, width, !projected_first);
    if (!config_.relative) return;
    table("embeddings.relative", 2 * config_.relative->span, config_.hidden_size);
    if (config_.relative->normalized) norm("embeddings.relative_norm", config_.hidden_size);
  }

  void layer(std::int64_t index) {
    auto const name = fmt::format("encoder.layer.{}.", index);
    auto const hidden = config_.hidden_size;
    bool const before = config_.norm_placement == NormPlacement::Before;
    for (auto const* part : {"query", "key", "value"})
      linear(name + "attention.self." + part, hidden, hidden, config_.has_attention_bias);
    if (config_.relative && config_.relative->own_projections) {
      if (config_.relative->content_to_position) linear(name + "attention.self.position_key", hidden, hidden, true);
      if (config_.relative->position_to_content) linear(name + "attention.self.position_query", hidden, hidden, true);
    }
    linear(name + "attention.output.dense", hidden, hidden, config_.has_attention_bias);
    if (!before || index > 0) norm(name + "attention.output.LayerNorm", hidden);
    linear(name + "intermediate.dense", config_.intermediate_size, hidden, config_.has_inner_bias);
    if (config_.is_gated) linear(name + "intermediate.gate", config_.intermediate_size, hidden, config_.has_inner_bias);
    linear(name + "output.dense", hidden, config_.intermediate_size, config_.has_inner_bias);
    norm(name + "output.LayerNorm", hidden);
    if (before && index + 1 == config_.num_hidden_layers) norm(name + "output_norm", hidden);
    if (config_.convolution && index == 0) convolution(name + "convolution.", config_.convolution->width);
  }

  void convolution(std::string const& name, std::int64_t width) {
    auto const hidden = config_.hidden_size;
    tensors_.push_back({name + "conv.weight", {hidden, hidden, width}});
    tensors_.push_back({name + "conv.bias", {hidden}});
    norm(name + "LayerNorm", hidden);
  }

  EncoderConfig const& config_;
  std::vector<NamedShape> tensors_;
};

}  // namespace

std::vector<NamedShape> encoder_tensors(EncoderConfig const& config) { return TensorList(config).all(); }

std::vector<PublishedTensor> published_tensors(EncoderConfig const& config) {
  auto const& family = family_of(config);
  std::vector<PublishedTensor> published;
  std::map<std::string, std::size_t> by_name;
  for (auto& part : encoder_tensors(config)) {
    auto name = family.published_name(part.name);
    auto const [at, is_new] = by_name.emplace(name, published.size());
    if (is_new)
      published.push_back({std::move(name), part.shape, {}});
    else
      published[at->second].shape[0] += part.shape[0];
    published[at->second].parts.push_back(std::move(part));
  }
  return published;
}

}  // namespace polytask::model
