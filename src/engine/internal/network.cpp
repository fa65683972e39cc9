#include "engine/internal/network.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "model/model_weights.h"
#include "model/precision_plan.h"

namespace polytask::engine {
namespace {

using kernels::PackedLinear;
using kernels::Precision;
using Tensors = std::map<std::string, model::Tensor>;

kernels::Activation activation_of(std::string const& name) {
  if (name == "gelu") return kernels::Activation::Gelu;
  if (name == "gelu_new") return kernels::Activation::GeluTanh;
  if (name == "tanh") return kernels::Activation::Tanh;
  expects(name == "relu", "read_encoder_config knows the activation");
  return kernels::Activation::Relu;
}

/// Takes layers out of tensors by their published names; what was taken no longer fills memory twice.
class LayerReader {
 public:
  /// `prefix` stands before the names of its layer groups.
  LayerReader(Tensors& tensors, model::EncoderConfig const& config, Options const& options,
              std::shared_ptr<kernels::WeightMemory> memory, std::string prefix)
      : tensors_(tensors), config_(config), options_(options), memory_(std::move(memory)), prefix_(std::move(prefix)) {}

  [[nodiscard]] bool has(std::string const& name) const { return tensors_.contains(name); }
  [[nodiscard]] std::vector<float> take(std::string const& name) { return std::move(tensors_.at(name).values); }

  [[nodiscard]] LayerNorm take_norm(std::string const& name) {
    auto gamma = take(name + ".weight");
    auto beta = has(name + ".bias") ? take(name + ".bias") : std::vector<float>(gamma.size(), 0.0F);
    return {std::move(gamma), std::move(beta), static_cast<float>(config_.layer_norm_eps)};
  }

  [[nodiscard]] Embeddings take_embeddings() {
    auto const table = [&](std::string const& name) { return has(name) ? take(name) : std::vector<float>(); };
    Embeddings embeddings{take("embeddings.word_embeddings.weight"),
                          table("embeddings.position_embeddings.weight"),
                          table("embeddings.token_type_embeddings.weight"),
                          take_norm("embeddings.LayerNorm"),
                          {}};
    if (config_.is_projected()) embeddings.projection = take_linear({"embeddings.projection"}, Precision::Float32);
    return embeddings;
  }

  /// `distances`: states of the distances between tokens, [2 span, hidden].
  [[nodiscard]] Layer take_layer(std::int64_t index, std::vector<float> const& distances) {
    std::string const name = "encoder.layer." + std::to_string(index);
    std::string const attention = name + ".attention.self.";
    auto const of_attention = precision_of(name + ".attention.self");
    auto const of_inner = precision_of(name + ".intermediate");
    // Before the weights that they share are taken.
    auto keys = of_distances(distances, attention, &model::RelativePositions::content_to_position, "key");
    auto queries = of_distances(distances, attention, &model::RelativePositions::position_to_content, "query");
    auto convolution = take_convolution(name + ".convolution");  // first, as what a layer multiplies with first
    return {
        .query = take_linear({attention + "query"}, of_attention),
        .key_value = take_linear({attention + "key", attention + "value"}, of_attention),
        .attention_output = take_linear({name + ".attention.output.dense"}, precision_of(name + ".attention.output")),
        .attention_norm = take_norm_if_there(name + ".attention.output.LayerNorm"),
        .intermediate = take_linear({name + ".intermediate.dense"}, of_inner),
        .gate = config_.is_gated ? std::optional(take_linear({name + ".intermediate.gate"}, of_inner)) : std::nullopt,
        .output = take_linear({name + ".output.dense"}, precision_of(name + ".output")),
        .output_norm = take_norm(name + ".output.LayerNorm"),
        .last_norm = take_norm_if_there(name + ".output_norm"),
        .attention = config_.attention_of(index),
        .distance_keys = std::move(keys),
        .distance_queries = std::move(queries),
        .convolution = std::move(convolution)};
  }

  /// States of the distances between tokens, which all layers share; empty where the encoder has none.
  [[nodiscard]] std::vector<float> take_distances() {
    if (!config_.relative) return {};
    auto states = take("embeddings.relative.weight");
    if (config_.relative->normalized) {
      auto const norm = take_norm("embeddings.relative_norm");
      kernels::normalize_rows(2 * config_.relative->span, config_.hidden_size, norm.weights(), states.data(), nullptr);
    }
    return states;
  }

 private:
  [[nodiscard]] std::optional<LayerNorm> take_norm_if_there(std::string const& name) {
    return has(name + ".weight") ? std::optional(take_norm(name)) : std::nullopt;
  }

  [[nodiscard]] std::optional<Convolution> take_convolution(std::string const& name) {
    if (!has(name + ".conv.weight")) return std::nullopt;
    std::int64_t const hidden = config_.hidden_size, width = config_.convolution.value().width;
    auto const values = take(name + ".conv.weight");
    std::vector<float> weight(values.size());  // [out, in, place] -> [out, place, in], as neighbours lie side by side
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(values.size()); ++i) {
      auto const out = i / (hidden * width), in = i / width % hidden, place = i % width;
      weight[static_cast<std::size_t>((out * width + place) * hidden + in)] = values[static_cast<std::size_t>(i)];
    }
    return Convolution{packed(weight, take(name + ".conv.bias"), width * hidden, precision_of(name)),
                       activation_of(config_.convolution.value().activation), take_norm(name + ".LayerNorm")};
  }

  /// What distances have as keys or queries in a layer, always in float32; empty where its scores have no such term.
  [[nodiscard]] std::vector<float> of_distances(std::vector<float> const& states, std::string const& attention,
                                                bool model::RelativePositions::*has_term, std::string const& part) {
    if (!config_.relative || !((*config_.relative).*has_term)) return {};
    auto const name = attention + (config_.relative->own_projections ? "position_" : "") + part;
    std::int64_t const hidden = config_.hidden_size;
    PackedLinear const layer({hidden, hidden}, tensors_.at(name + ".weight").values.data(),
                             tensors_.at(name + ".bias").values.data(), Precision::Float32, options_.instructions);
    std::vector<float> found(states.size());
    layer.apply({2 * config_.relative->span, states.data(), hidden * 4, nullptr}, {},
                {kernels::OutputRows::Type::Float32, found.data(), hidden});
    return found;
  }

  /// Layers that read the same rows as one, their outputs side by side.
  [[nodiscard]] PackedLinear take_linear(std::vector<std::string> const& names, Precision wanted) {
    auto const n_in = tensors_.at(names[0] + ".weight").shape[1];
    std::vector<float> weight, bias;
    for (auto const& name : names) {
      auto const rows = take(name + ".weight");
      auto const offsets = has(name + ".bias") ? take(name + ".bias")
                                               : std::vector<float>(rows.size() / static_cast<std::size_t>(n_in), 0.0F);
      weight.insert(weight.end(), rows.begin(), rows.end());
      bias.insert(bias.end(), offsets.begin(), offsets.end());
    }
    return packed(weight, bias, n_in, wanted);
  }

  /// weight: [bias.size(), n_in]
  [[nodiscard]] PackedLinear packed(std::vector<float> const& weight, std::vector<float> const& bias, std::int64_t n_in,
                                    Precision wanted) const {
    // Rows that do not fill whole steps of four bytes, or are too long for sums of bytes, are multiplied as floats.
    bool const fits = n_in % 4 == 0 && (wanted != Precision::Int8 || n_in <= PackedLinear::kMostInt8Inputs);
    auto const precision = fits ? wanted : Precision::Float32;
    return {{static_cast<std::int64_t>(bias.size()), n_in},
            weight.data(),
            bias.data(),
            precision,
            options_.instructions,
            memory_};
  }

  [[nodiscard]] Precision precision_of(std::string const& group) const {
    auto const found = options_.exceptions.find(prefix_ + group);
    return found == options_.exceptions.end() ? options_.precision.value() : found->second;
  }

  Tensors& tensors_;
  model::EncoderConfig const& config_;
  Options const& options_;
  std::shared_ptr<kernels::WeightMemory> memory_;
  std::string prefix_;
};

/// What places in a text mean, for all layers.
void add_places(Network& network) {
  auto const& config = network.config;
  auto const head_size = config.hidden_size / config.num_attention_heads;
  for (auto const& layer : config.layer_attention)
    if (layer.rotary_theta > 0)
      network.rotary.try_emplace(layer.rotary_theta, config.longest_text(), head_size, layer.rotary_theta);
  if (config.relative)
    network.distance_rows = kernels::rows_by_distance(
        {config.relative->span, config.relative->buckets, config.relative->farthest}, config.longest_text());
}

}  // namespace

std::size_t Network::n_lower_layers(model::Branch const& branch) const {
  return layers.size() - static_cast<std::size_t>(std::max<std::int64_t>(spec.height_of(branch), 1));
}

std::span<Layer const> Network::upper_layers(model::Branch const& branch) const {
  if (branch.n_own_layers == 0) return std::span(layers).subspan(n_lower_layers(branch));
  return branch.reading ? own_layers.at(*branch.reading) : head_layers.at(branch.heads.front());
}

Network lower_network(Tensors weights, model::EncoderConfig config, std::int64_t n_layers, Options const& options) {
  LayerReader encoder(weights, config, options, std::make_shared<kernels::WeightMemory>(), "");
  Network network;
  network.instructions = options.instructions;
  network.activation = activation_of(config.hidden_act);
  network.embeddings = encoder.take_embeddings();
  auto const distances = encoder.take_distances();
  for (std::int64_t i = 0; i < n_layers; ++i) network.layers.push_back(encoder.take_layer(i, distances));
  network.config = config;
  add_places(network);
  return network;
}

Network load_network(std::filesystem::path const& model_folder, model::ModelSpec spec, Options const& options) {
  Network network;
  network.config = model::read_encoder_config(model_folder / "encoder");
  network.spec = std::move(spec);
  network.instructions = options.instructions;
  network.activation = activation_of(network.config.hidden_act);
  auto weights = model::read_model_weights(model_folder, network.config, network.spec);
  auto const memory = std::make_shared<kernels::WeightMemory>();
  LayerReader encoder(weights.encoder, network.config, options, memory, "");
  network.embeddings = encoder.take_embeddings();
  auto const distances = encoder.take_distances();
  std::int64_t const n_layers = network.config.num_hidden_layers;
  for (std::int64_t i = 0; i < n_layers; ++i) network.layers.push_back(encoder.take_layer(i, distances));
  add_places(network);
  auto const take_top = [&](Tensors& tensors, std::int64_t n, std::string prefix, std::vector<Layer>& layers) {
    LayerReader own(tensors, network.config, options, memory, std::move(prefix));
    for (auto i = n_layers - n; i < n_layers; ++i) layers.push_back(own.take_layer(i, distances));
  };
  for (auto& [reading, tensors] : weights.private_layers)
    take_top(tensors, network.spec.private_layers, "private/" + std::string(model::to_string(reading)) + "/",
             network.own_layers[reading]);
  for (std::size_t i = 0; i < weights.heads.size(); ++i)
    if (auto const& head = network.spec.heads[i]; head.private_layers > 0)
      take_top(weights.heads[i].layers, head.private_layers, model::layer_group_prefix(head.task.name),
               network.head_layers[i]);
  network.branches = network.spec.branches();
  std::stable_sort(network.branches.begin(), network.branches.end(),
                   [&](auto const& a, auto const& b) { return network.n_lower_layers(a) < network.n_lower_layers(b); });
  auto const packed = [&](model::Tensor const& weight, model::Tensor const& bias) {
    return PackedLinear({weight.shape[0], weight.shape[1]}, weight.values.data(), bias.values.data(),
                        Precision::Float32, options.instructions, memory);
  };
  for (std::size_t i = 0; i < weights.heads.size(); ++i) {
    auto const& head = weights.heads[i];
    network.heads.push_back(packed(head.weight, head.bias));
    if (head.pooler) network.poolers.emplace(i, packed(head.pooler->weight, head.pooler->bias));
  }
  memory->give_back_rest();
  return network;
}

}  // namespace polytask::engine
