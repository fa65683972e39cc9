// The weights of a model folder, every one checked: what computes with them need not ask again.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/encoder_files.h"
#include "model/model_folder.h"

namespace polytask::model {

struct LinearWeights {
  Tensor weight;  ///< [outputs, inputs]
  Tensor bias;    ///< [outputs]
};

/// The linear layer of one task, and the pooler before it where the head has one.
struct HeadWeights {
  Tensor weight;                        ///< [outputs, inputs]
  Tensor bias;                          ///< [outputs]
  std::optional<LinearWeights> pooler;  ///< [hidden, hidden], [hidden]
  /// Top layers that the task has for itself, named as in the encoder; empty where it has none.
  std::map<std::string, Tensor> layers = {};
};

/// All of them float32 and finite, in the shapes that the configuration and the heads ask for.
struct ModelWeights {
  std::map<std::string, Tensor> encoder;  ///< by published name
  /// Of ModelSpec::private_readings(): their top layers, named as in the encoder
  /// ("encoder.layer.5.attention.self.query.weight"). A reading that is not here uses those of `encoder`; a head that
  /// has some for itself uses none of both.
  std::map<Reading, std::map<std::string, Tensor>> private_layers;
  std::vector<HeadWeights> heads;  ///< in the order of ModelSpec::heads
};

/// `config` and `spec` are those of the folder and belong together (check_belongs). Throws Error{NotFound,
/// InvalidInput} naming the file and the tensor: what is missing, found and expected shapes, values that are not
/// finite, tensors and files that nobody reads.
[[nodiscard]] ModelWeights read_model_weights(std::filesystem::path const& folder, EncoderConfig const& config,
                                              ModelSpec const& spec);

/// The head.safetensors of a task, and the private.safetensors where it has layers for itself.
void write_head_weights(std::filesystem::path const& folder, std::string const& task, HeadWeights const& head);

/// Throws Error{InvalidInput} where the folder's parts are of different models: more tokens (`n_tokens`, of its
/// tokenizer) than the encoder embeds, longer texts than it has positions, more private layers than it has layers, a
/// pair in one sequence where it has one token type.
void check_belongs(std::filesystem::path const& folder, ModelSpec const& spec, EncoderConfig const& config,
                   std::size_t n_tokens);

}  // namespace polytask::model
