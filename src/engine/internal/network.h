// A model's weights as the engine multiplies with them.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "kernels/packed_linear.h"
#include "kernels/relative_rows.h"
#include "kernels/rotary.h"
#include "kernels/rows.h"
#include "model/encoder_files.h"
#include "model/model_folder.h"

namespace polytask::engine {

struct LayerNorm {
  std::vector<float> gamma;
  std::vector<float> beta;
  float epsilon = 0;
  [[nodiscard]] kernels::LayerNormWeights weights() const { return {gamma.data(), beta.data(), epsilon}; }
};

/// model::Convolution: products over a token's rows and its neighbours', side by side from the first to the last.
struct Convolution {
  kernels::PackedLinear products;  ///< width * hidden -> hidden
  kernels::Activation activation = kernels::Activation::Tanh;
  LayerNorm norm;
};

/// One Transformer layer. `query` and `key_value` have one precision, as they read the same rows; so have
/// `intermediate` and `gate`. Where its norms stand is EncoderConfig::norm_placement.
struct Layer {
  kernels::PackedLinear query;
  kernels::PackedLinear key_value;
  kernels::PackedLinear attention_output;
  std::optional<LayerNorm> attention_norm;
  kernels::PackedLinear intermediate;
  std::optional<kernels::PackedLinear> gate;
  kernels::PackedLinear output;
  LayerNorm output_norm;
  std::optional<LayerNorm> last_norm;  ///< behind the last layer of those that have theirs before each half
  model::LayerAttention attention;
  std::vector<float> distance_keys;     ///< [2 span, hidden]: of kernels::RelativeTables; empty = there are none
  std::vector<float> distance_queries;  ///< the same
  std::optional<Convolution> convolution = {};
};

struct Embeddings {
  std::vector<float> words;      ///< [vocabulary, table width]
  std::vector<float> positions;  ///< [positions, table width]; empty = there are none
  std::vector<float> types;      ///< [types, table width]; empty = there are none
  LayerNorm norm;
  std::optional<kernels::PackedLinear> projection;  ///< table width -> hidden; always float32
};

/// Immutable; safe to share between threads.
struct Network {
  model::EncoderConfig config;
  model::ModelSpec spec;
  kernels::InstructionSet instructions = kernels::InstructionSet::Portable;
  kernels::Activation activation = kernels::Activation::Gelu;
  Embeddings embeddings;
  std::map<double, kernels::RotaryTable> rotary;            ///< by theta, as long as the longest text
  std::vector<std::int32_t> distance_rows;                  ///< kernels::rows_by_distance of the longest text
  std::vector<Layer> layers;                                ///< of the encoder, the first reading's top ones included
  std::map<model::Reading, std::vector<Layer>> own_layers;  ///< top layers of the other readings
  std::map<std::size_t, std::vector<Layer>> head_layers;    ///< of the heads that have some for themselves
  std::vector<model::Branch> branches;                      ///< of `spec`, those first that part first from the layers
  std::vector<kernels::PackedLinear> heads;                 ///< as spec.heads; always float32
  std::map<std::size_t, kernels::PackedLinear> poolers;     ///< of the heads that have one; always float32

  /// How many of `layers` a branch passes before its upper ones: all but the last where none are private, so that only
  /// the rows that heads look at go through it.
  [[nodiscard]] std::size_t n_lower_layers(model::Branch const& branch) const;
  /// From there to the top.
  [[nodiscard]] std::span<Layer const> upper_layers(model::Branch const& branch) const;
};

/// The first `n_layers` layers of an encoder, at least one, without heads. `weights` are those of
/// model::read_encoder_weights and are used up.
[[nodiscard]] Network lower_network(std::map<std::string, model::Tensor> weights, model::EncoderConfig config,
                                    std::int64_t n_layers, Options const& options);

/// Throws as Engine::load.
[[nodiscard]] Network load_network(std::filesystem::path const& model_folder, model::ModelSpec spec,
                                   Options const& options);

}  // namespace polytask::engine
