#include "engine/internal/network.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "model/model_weights.h"

namespace polytask::engine {
namespace {

using kernels::PackedLinear;
using kernels::Precision;
using Tensors = std::map<std::string, model::Tensor>;

kernels::Activation activation_of(std::string const& name) {
  if (name == "gelu") return kernels::Activation::Gelu;
  if (name == "gelu_new") return kernels::Activation::GeluTanh;
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

  [[nodiscard]] std::vector<float> take(std::string const& name) { return std::move(tensors_.at(name).values); }

  [[nodiscard]] LayerNorm take_norm(std::string const& name) {
    return {take(name + ".weight"), take(name + ".bias"), static_cast<float>(config_.layer_norm_eps)};
  }

  [[nodiscard]] Embeddings take_embeddings() {
    return {take("embeddings.word_embeddings.weight"), take("embeddings.position_embeddings.weight"),
            take("embeddings.token_type_embeddings.weight"), take_norm("embeddings.LayerNorm")};
  }

  [[nodiscard]] Layer take_layer(std::int64_t index) {
    std::string const name = "encoder.layer." + std::to_string(index);
    std::string const attention = name + ".attention.self.";
    auto const of_attention = precision_of(name + ".attention.self");
    return {take_linear({attention + "query"}, of_attention),
            take_linear({attention + "key", attention + "value"}, of_attention),
            take_linear({name + ".attention.output.dense"}, precision_of(name + ".attention.output")),
            take_norm(name + ".attention.output.LayerNorm"),
            take_linear({name + ".intermediate.dense"}, precision_of(name + ".intermediate")),
            take_linear({name + ".output.dense"}, precision_of(name + ".output")),
            take_norm(name + ".output.LayerNorm")};
  }

 private:
  /// Layers that read the same rows as one, their outputs side by side.
  [[nodiscard]] PackedLinear take_linear(std::vector<std::string> const& names, Precision wanted) {
    auto const n_in = tensors_.at(names[0] + ".weight").shape[1];
    std::vector<float> weight, bias;
    for (auto const& name : names) {
      auto const rows = take(name + ".weight");
      auto const offsets = take(name + ".bias");
      weight.insert(weight.end(), rows.begin(), rows.end());
      bias.insert(bias.end(), offsets.begin(), offsets.end());
    }
    // Rows that do not fill whole steps of four bytes, or are too long for sums of bytes, are multiplied as floats.
    bool const fits = n_in % 4 == 0 && n_in <= PackedLinear::kMostInt8Inputs;
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

}  // namespace

std::size_t Network::n_lower_layers() const {
  return layers.size() - static_cast<std::size_t>(std::max<std::int64_t>(spec.private_layers, 1));
}

std::span<Layer const> Network::upper_layers(model::Reading reading) const {
  auto const own = own_layers.find(reading);
  return own == own_layers.end() ? std::span(layers).subspan(n_lower_layers()) : std::span(own->second);
}

Network lower_network(Tensors weights, model::EncoderConfig config, std::int64_t n_layers,
                      kernels::InstructionSet instructions) {
  Options const options{.precision = Precision::Float32, .instructions = instructions};
  LayerReader encoder(weights, config, options, std::make_shared<kernels::WeightMemory>(), "");
  Network network;
  network.instructions = instructions;
  network.activation = activation_of(config.hidden_act);
  network.embeddings = encoder.take_embeddings();
  for (std::int64_t i = 0; i < n_layers; ++i) network.layers.push_back(encoder.take_layer(i));
  network.config = std::move(config);
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
  std::int64_t const n_layers = network.config.num_hidden_layers;
  for (std::int64_t i = 0; i < n_layers; ++i) network.layers.push_back(encoder.take_layer(i));
  for (auto& [reading, tensors] : weights.private_layers) {
    LayerReader own(tensors, network.config, options, memory,
                    "private/" + std::string(model::to_string(reading)) + "/");
    auto& layers = network.own_layers[reading];
    for (std::int64_t i = n_layers - network.spec.private_layers; i < n_layers; ++i)
      layers.push_back(own.take_layer(i));
  }
  auto const packed = [&](model::Tensor const& weight, model::Tensor const& bias) {
    return PackedLinear({weight.shape[0], weight.shape[1]}, weight.values.data(), bias.values.data(),
                        Precision::Float32, options.instructions, memory);
  };
  for (std::size_t i = 0; i < weights.heads.size(); ++i) {
    auto const& head = weights.heads[i];
    network.heads.push_back(packed(head.weight, head.bias));
    if (head.pooler) network.poolers.emplace(i, packed(head.pooler->weight, head.pooler->bias));
  }
  return network;
}

}  // namespace polytask::engine
