#include "nn/layer.h"

#include <torch/torch.h>

#include "base/error.h"
#include "nn/functions.h"
#include "nn/internal/folder.h"

namespace polytask::nn {
namespace {

using torch::Tensor;

torch::nn::Linear linear_layer(std::int64_t inputs, std::int64_t outputs, bool has_bias) {
  return torch::nn::Linear(torch::nn::LinearOptions(inputs, outputs).bias(has_bias));
}

}  // namespace

LayerImpl::LayerImpl(model::EncoderConfig const& config, std::int64_t index)
    : config_(config), attention_(config.attention_of(index)) {
  auto const hidden = config.hidden_size;
  bool const before = config.norm_placement == model::NormPlacement::Before;
  auto const of_attention = [&] { return linear_layer(hidden, hidden, config.has_attention_bias); };
  auto const norm = [&] { return Norm(hidden, config.layer_norm_eps, config.has_norm_bias); };
  auto attention = register_module("attention", Folder());
  auto self = attention->register_module("self", Folder());
  query_ = self->register_module("query", of_attention());
  key_ = self->register_module("key", of_attention());
  value_ = self->register_module("value", of_attention());
  if (config.relative && config.relative->own_projections) {
    if (config.relative->content_to_position)
      position_key_ = self->register_module("position_key", linear_layer(hidden, hidden, true));
    if (config.relative->position_to_content)
      position_query_ = self->register_module("position_query", linear_layer(hidden, hidden, true));
  }
  auto attention_output = attention->register_module("output", Folder());
  attention_output_ = attention_output->register_module("dense", of_attention());
  if (!before || index > 0) attention_norm_ = attention_output->register_module("LayerNorm", norm());
  auto intermediate = register_module("intermediate", Folder());
  auto const to_inner = [&] { return linear_layer(hidden, config.intermediate_size, config.has_inner_bias); };
  intermediate_ = intermediate->register_module("dense", to_inner());
  if (config.is_gated) gate_ = intermediate->register_module("gate", to_inner());
  auto output = register_module("output", Folder());
  output_ = output->register_module("dense", linear_layer(config.intermediate_size, hidden, config.has_inner_bias));
  output_norm_ = output->register_module("LayerNorm", norm());
  if (before && index + 1 == config.num_hidden_layers) last_norm_ = register_module("output_norm", norm());
  if (config.convolution && index == 0) convolution_ = register_module("convolution", Convolution(config));
}

Tensor LayerImpl::forward(Tensor const& hidden, Surroundings const& around, Pass& pass) {
  auto const states = forward_halves(hidden, around, pass);
  return convolution_ ? convolution_->forward(hidden, states, around, pass) : states;
}

Tensor LayerImpl::forward_halves(Tensor const& hidden, Surroundings const& around, Pass& pass) {
  switch (config_.norm_placement) {
    case model::NormPlacement::After: return forward_norm_after(hidden, around, pass);
    case model::NormPlacement::Before: return forward_norm_before(hidden, around, pass);
  }
  expects(false, "norms stand before or after");
  return {};
}

Tensor LayerImpl::forward_norm_after(Tensor const& hidden, Surroundings const& around, Pass& pass) {
  auto const attended = attend(hidden, around, pass);
  auto const middle =
      attention_norm_->forward(attended, around.of_read(hidden), pass.next_dropout(config_.dropout.attended));
  auto const out = feed_forward(middle, pass);
  return output_norm_->forward(out, middle, pass.next_dropout(config_.dropout.output));
}

Tensor LayerImpl::forward_norm_before(Tensor const& hidden, Surroundings const& around, Pass& pass) {
  auto const attended = attend(attention_norm_ ? attention_norm_->forward(hidden) : hidden, around, pass);
  auto const middle = around.of_read(hidden) + dropout(attended, pass.next_dropout(config_.dropout.attended));
  auto const out = feed_forward(output_norm_->forward(middle), pass);
  auto const sum = middle + dropout(out, pass.next_dropout(config_.dropout.output));
  return last_norm_ ? last_norm_->forward(sum) : sum;
}

Tensor LayerImpl::attend(Tensor const& states, Surroundings const& around, Pass& pass) {
  auto const heads = config_.num_attention_heads;
  auto qkv = linear_side_by_side(states, *query_, *key_, *value_, pass.products());
  if (attention_.rotary_theta > 0) qkv = rotate(qkv, around.sequences, heads, attention_.rotary_theta);
  auto const context = config_.relative
                           ? attend_with_distances(qkv, around, pass)
                           : packed_attention(qkv, around.sequences, heads,
                                              pass.next_dropout(config_.dropout.attention), attention_.reach);
  return linear(around.of_read(context), *attention_output_, pass.products());
}

Tensor LayerImpl::attend_with_distances(Tensor const& qkv, Surroundings const& around, Pass& pass) {
  auto const& relative = *config_.relative;
  auto const states = dropout(around.distances, pass.next_dropout(config_.dropout.embeddings));
  auto const projected = [&](bool wanted, torch::nn::Linear const& own, torch::nn::Linear const& shared) {
    return wanted ? linear(states, own ? *own : *shared, pass.products()) : Tensor();
  };
  auto const of_keys = projected(relative.content_to_position, position_key_, key_);
  auto const of_queries = projected(relative.position_to_content, position_query_, query_);
  return relative_attention(qkv, of_keys, of_queries, around.sequences, config_.num_attention_heads,
                            {relative.span, relative.buckets, relative.farthest},
                            pass.next_dropout(config_.dropout.attention));
}

Tensor LayerImpl::feed_forward(Tensor const& states, Pass& pass) {
  auto inner = activate(linear(states, *intermediate_, pass.products()), config_.hidden_act);
  if (gate_) inner = inner * linear(states, *gate_, pass.products());
  return linear(dropout(inner, pass.next_dropout(config_.dropout.inner)), *output_, pass.products());
}

}  // namespace polytask::nn
