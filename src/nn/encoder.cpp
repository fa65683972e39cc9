#include "nn/encoder.h"

#include <torch/torch.h>

#include "base/error.h"
#include "nn/functions.h"

namespace polytask::nn {
namespace {

using torch::Tensor;

/// A folder of the module tree: it only gives its children a longer name.
struct FolderImpl : torch::nn::Module {};
TORCH_MODULE(Folder);

Tensor activate(Tensor const& x, std::string const& name) {
  if (name == "gelu") return exact_gelu(x);
  if (name == "relu") return torch::relu(x);
  expects(name == "gelu_new", "the configuration was checked for its activation");
  return torch::gelu(x, "tanh");
}

bool is_norm_weight(std::string const& name) { return name.find("LayerNorm.weight") != std::string::npos; }
bool is_bias(std::string const& name) { return name.size() > 5 && name.compare(name.size() - 5, 5, ".bias") == 0; }

}  // namespace

void fill_normal(Tensor const& weight, double deviation, Rng& rng) {
  torch::NoGradGuard const no_grad;
  auto values = torch::empty(weight.sizes(), torch::kFloat32);
  float* const out = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) out[i] = static_cast<float>(deviation * rng.normal());
  weight.copy_(values);
}

EmbeddingsImpl::EmbeddingsImpl(model::EncoderConfig const& config)
    : layer_norm_eps_(config.layer_norm_eps),
      dropout_(config.hidden_dropout_prob),
      word_embeddings_(config.vocab_size, config.hidden_size),
      position_embeddings_(config.max_position_embeddings, config.hidden_size),
      token_type_embeddings_(config.type_vocab_size, config.hidden_size),
      norm_(torch::nn::LayerNormOptions({config.hidden_size})) {
  register_module("word_embeddings", word_embeddings_);
  register_module("position_embeddings", position_embeddings_);
  register_module("token_type_embeddings", token_type_embeddings_);
  register_module("LayerNorm", norm_);
}

Tensor EmbeddingsImpl::forward(PackedTexts const& texts, Pass& pass) {
  // On the CPU the gradient has the rows of the batch's words alone: the table may be half of all weights.
  auto const sum = torch::embedding(word_embeddings_->weight, texts.ids, -1, false, texts.ids.is_cpu()) +
                   torch::embedding(position_embeddings_->weight, texts.positions) +
                   torch::embedding(token_type_embeddings_->weight, texts.type_ids);
  auto const normal = add_layer_norm(sum, Tensor(), norm_->weight, norm_->bias, layer_norm_eps_, {});
  return dropout(normal, pass.next_dropout(dropout_));
}

LayerImpl::LayerImpl(model::EncoderConfig const& config)
    : config_(config),
      query_(config.hidden_size, config.hidden_size),
      key_(config.hidden_size, config.hidden_size),
      value_(config.hidden_size, config.hidden_size),
      attention_output_(config.hidden_size, config.hidden_size),
      intermediate_(config.hidden_size, config.intermediate_size),
      output_(config.intermediate_size, config.hidden_size),
      attention_norm_(torch::nn::LayerNormOptions({config.hidden_size})),
      output_norm_(torch::nn::LayerNormOptions({config.hidden_size})) {
  auto attention = register_module("attention", Folder());
  auto self = attention->register_module("self", Folder());
  self->register_module("query", query_);
  self->register_module("key", key_);
  self->register_module("value", value_);
  auto attention_output = attention->register_module("output", Folder());
  attention_output->register_module("dense", attention_output_);
  attention_output->register_module("LayerNorm", attention_norm_);
  register_module("intermediate", Folder())->register_module("dense", intermediate_);
  auto output = register_module("output", Folder());
  output->register_module("dense", output_);
  output->register_module("LayerNorm", output_norm_);
}

Tensor LayerImpl::forward(Tensor const& hidden, std::vector<std::int32_t> const& sequences, Pass& pass) {
  auto const qkv = linear_side_by_side(hidden, *query_, *key_, *value_, pass.products());
  auto const context = packed_attention(qkv, sequences, config_.num_attention_heads,
                                        pass.next_dropout(config_.attention_probs_dropout_prob));
  auto const attended = linear(context, *attention_output_, pass.products());
  auto const middle = add_layer_norm(attended, hidden, attention_norm_->weight, attention_norm_->bias,
                                     config_.layer_norm_eps, pass.next_dropout(config_.hidden_dropout_prob));
  auto const inner = activate(linear(middle, *intermediate_, pass.products()), config_.hidden_act);
  auto const out = linear(inner, *output_, pass.products());
  return add_layer_norm(out, middle, output_norm_->weight, output_norm_->bias, config_.layer_norm_eps,
                        pass.next_dropout(config_.hidden_dropout_prob));
}

EncoderImpl::EncoderImpl(model::EncoderConfig const& config) : config_(config), embeddings_(config) {
  register_module("embeddings", embeddings_);
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) layers_->push_back(Layer(config));
  register_module("encoder", Folder())->register_module("layer", layers_);
}

Tensor EncoderImpl::forward(PackedTexts const& texts, Pass& pass) {
  return forward_until(texts, config_.num_hidden_layers, pass);
}

Tensor EncoderImpl::forward_until(PackedTexts const& texts, std::int64_t last, Pass& pass) {
  if (!texts.states.defined())
    return forward_layers(embeddings_->forward(texts, pass), texts.attended(), 0, last, pass);
  expects(texts.n_layers_done <= last, "no layer is asked for that texts have passed already");
  return forward_layers(texts.states, texts.attended(), texts.n_layers_done, last, pass);
}

Tensor EncoderImpl::forward_layers(Tensor hidden, std::vector<std::int32_t> const& sequences, std::int64_t first,
                                   std::int64_t last, Pass& pass) {
  for (auto i = first; i < last; ++i) hidden = layer(i)->forward(hidden, sequences, pass);
  return hidden;
}

Layer EncoderImpl::layer(std::int64_t index) const {
  return Layer(std::dynamic_pointer_cast<LayerImpl>(layers_->ptr(static_cast<std::size_t>(index))));
}

void EncoderImpl::load(std::map<std::string, model::Tensor> const& weights) {
  torch::NoGradGuard const no_grad;
  for (auto& parameter : named_parameters()) {
    auto const found = weights.find(parameter.key());
    expects(found != weights.end() && found->second.shape == parameter.value().sizes().vec(),
            "encoder weights were checked before they are loaded");
    parameter.value().copy_(
        torch::from_blob(const_cast<float*>(found->second.values.data()), found->second.shape, torch::kFloat32));
  }
}

std::map<std::string, model::Tensor> EncoderImpl::save() const {
  std::map<std::string, model::Tensor> weights;
  for (auto const& parameter : named_parameters()) {
    auto const values = parameter.value().detach().to(torch::kCPU, torch::kFloat32).contiguous();
    weights[parameter.key()] = {values.sizes().vec(),
                                {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()}};
  }
  return weights;
}

void EncoderImpl::freeze(std::int64_t n_layers) {
  for (auto& parameter : embeddings_->parameters()) parameter.set_requires_grad(false);
  for (std::int64_t i = 0; i < n_layers; ++i)
    for (auto& parameter : layer(i)->parameters()) parameter.set_requires_grad(false);
}

void EncoderImpl::initialize(Rng& rng) {
  torch::NoGradGuard const no_grad;
  for (auto& parameter : named_parameters()) {
    if (is_norm_weight(parameter.key()))
      parameter.value().fill_(1);
    else if (is_bias(parameter.key()))
      parameter.value().zero_();
    else
      fill_normal(parameter.value(), config_.initializer_range, rng);
  }
}

}  // namespace polytask::nn
