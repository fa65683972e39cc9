#include "nn/embeddings.h"

#include <torch/torch.h>

#include "nn/functions.h"

namespace polytask::nn {

using model::Projection;
using torch::Tensor;

EmbeddingsImpl::EmbeddingsImpl(model::EncoderConfig const& config) : config_(config) {
  auto const width = config.table_width();
  auto const table = [&](char const* name, std::int64_t rows) {
    return register_module(name, torch::nn::Embedding(rows, width));
  };
  word_embeddings_ = table("word_embeddings", config.vocab_size);
  if (config.has_position_table) position_embeddings_ = table("position_embeddings", config.max_position_embeddings);
  if (config.type_vocab_size > 0) token_type_embeddings_ = table("token_type_embeddings", config.type_vocab_size);
  bool const projected_first = config.projection == Projection::BeforeNorm;
  norm_ = register_module(
      "LayerNorm", Norm(projected_first ? config.hidden_size : width, config.layer_norm_eps, config.has_norm_bias));
  if (config.is_projected())
    projection_ = register_module(
        "projection", torch::nn::Linear(torch::nn::LinearOptions(width, config.hidden_size).bias(!projected_first)));
  if (!config.relative) return;
  relative_ = register_module("relative", torch::nn::Embedding(2 * config.relative->span, config.hidden_size));
  if (config.relative->normalized)
    relative_norm_ =
        register_module("relative_norm", Norm(config.hidden_size, config.layer_norm_eps, config.has_norm_bias));
}

Tensor EmbeddingsImpl::distances() const {
  if (!relative_) return {};
  return relative_norm_ ? relative_norm_->forward(relative_->weight) : relative_->weight;
}

Tensor EmbeddingsImpl::forward(PackedTexts const& texts, Pass& pass) {
  // On the CPU the gradient has the rows of the batch's words alone: the table may be half of all weights.
  auto states = torch::embedding(word_embeddings_->weight, texts.ids, -1, false, texts.ids.is_cpu());
  if (position_embeddings_)
    states = states + torch::embedding(position_embeddings_->weight, texts.positions + config_.first_position);
  if (token_type_embeddings_)
    states =
        states + torch::embedding(token_type_embeddings_->weight,
                                  config_.type_vocab_size > 1 ? texts.type_ids : torch::zeros_like(texts.type_ids));
  bool const projected_first = config_.projection == Projection::BeforeNorm;
  if (projection_ && projected_first) states = linear(states, *projection_);
  states = dropout(norm_->forward(states), pass.next_dropout(config_.dropout.embeddings));
  return projection_ && !projected_first ? linear(states, *projection_) : states;
}

}  // namespace polytask::nn
