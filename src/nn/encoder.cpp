#include "nn/encoder.h"

#include <torch/torch.h>

#include "base/error.h"
#include "nn/internal/folder.h"

namespace polytask::nn {
namespace {

using torch::Tensor;

bool is_norm_weight(std::string const& name) {
  return name.find("LayerNorm.weight") != std::string::npos || name.find("_norm.weight") != std::string::npos;
}
bool is_bias(std::string const& name) { return name.size() > 5 && name.compare(name.size() - 5, 5, ".bias") == 0; }

}  // namespace

void fill_normal(Tensor const& weight, double deviation, Rng& rng) {
  torch::NoGradGuard const no_grad;
  auto values = torch::empty(weight.sizes(), torch::kFloat32);
  float* const out = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) out[i] = static_cast<float>(deviation * rng.normal());
  weight.copy_(values);
}

EncoderImpl::EncoderImpl(model::EncoderConfig const& config) : config_(config), embeddings_(config) {
  register_module("embeddings", embeddings_);
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) layers_->push_back(Layer(config, i));
  register_module("encoder", Folder())->register_module("layer", layers_);
}

Tensor EncoderImpl::forward(PackedTexts const& texts, Pass& pass) {
  return forward_until(texts, config_.num_hidden_layers, pass);
}

Tensor EncoderImpl::forward_until(PackedTexts const& texts, std::int64_t last, Pass& pass, Tensor const& read) {
  if (!texts.states.defined())
    return forward_layers(embeddings_->forward(texts, pass), texts.attended(), 0, last, pass, read);
  expects(texts.n_layers_done <= last, "no layer is asked for that texts have passed already");
  return forward_layers(texts.states, texts.attended(), texts.n_layers_done, last, pass, read);
}

Tensor EncoderImpl::forward_layers(Tensor hidden, std::vector<std::int32_t> const& sequences, std::int64_t first,
                                   std::int64_t last, Pass& pass, Tensor const& read) {
  auto around = surroundings(sequences);
  for (auto i = first; i < last; ++i) {
    if (i + 1 == last) around.read = read;
    hidden = layer(i)->forward(hidden, around, pass);
  }
  return first < last || !read.defined() ? hidden : hidden.index_select(0, read);
}

Surroundings EncoderImpl::surroundings(std::vector<std::int32_t> const& sequences) const {
  return {sequences, embeddings_->distances()};
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
