// A BERT-family encoder in a Hugging Face folder: its configuration and its weights under one set of names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/safetensors.h"

namespace polytask::model {

/// `config.json` of a BERT encoder, in the library's own words.
struct EncoderConfig {
  std::int64_t vocab_size = 30522;
  std::int64_t hidden_size = 384;
  std::int64_t num_hidden_layers = 6;
  std::int64_t num_attention_heads = 12;
  std::int64_t intermediate_size = 1536;
  std::int64_t max_position_embeddings = 512;
  std::int64_t type_vocab_size = 2;
  double layer_norm_eps = 1e-12;
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  double initializer_range = 0.02;
  std::string hidden_act = "gelu";  ///< "gelu" (erf), "gelu_new" (tanh), "relu"
};

/// Throws Error{NotFound, InvalidInput}: another model type, an activation or position type that is not built, sizes
/// that do not fit one another.
[[nodiscard]] EncoderConfig read_encoder_config(std::filesystem::path const& folder);
/// The same from text in memory; `where` starts the messages.
[[nodiscard]] EncoderConfig parse_encoder_config(std::string_view text, std::string const& where);
/// Throws Error{InvalidInput} where the folder's tokenizer has more tokens than the encoder embeds.
void check_vocabulary(std::filesystem::path const& folder, EncoderConfig const& config, std::size_t n_tokens);
/// The text of a config.json.
[[nodiscard]] std::string encoder_config_text(EncoderConfig const& config);
void write_encoder_config(std::filesystem::path const& folder, EncoderConfig const& config);

struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  ///< row-major
};
/// As float32; the values are borrowed.
[[nodiscard]] TensorToWrite to_write(std::string name, Tensor const& tensor);

/// Weights by the published names without a "bert." prefix ("embeddings.word_embeddings.weight",
/// "encoder.layer.0.attention.self.query.weight", ...), every one the configuration asks for and no other: pooler,
/// position ids and pre-training heads are left out. Old names (LayerNorm.gamma) are translated.
/// Reads model.safetensors, or the shards of model.safetensors.index.json. Throws Error{InvalidInput} naming the
/// tensor, the found and the expected shape; for NaN or infinite values; for a pytorch_model.bin (a pickle may run
/// code; how to convert it).
[[nodiscard]] std::map<std::string, Tensor> read_encoder_weights(std::filesystem::path const& folder,
                                                                 EncoderConfig const& config);
/// Other tensors of the same files, by their names without a "bert." prefix: those of `expected` (name -> shape) and no
/// others. Throws as read_encoder_weights does; `asked_by` says in a message what asks for a shape.
[[nodiscard]] std::map<std::string, Tensor> read_named_tensors(
    std::filesystem::path const& folder, std::map<std::string, std::vector<std::int64_t>> const& expected,
    std::string const& asked_by);
/// Writes model.safetensors.
void write_encoder_weights(std::filesystem::path const& folder, std::map<std::string, Tensor> const& weights);

/// The names and shapes that a configuration asks for.
[[nodiscard]] std::map<std::string, std::vector<std::int64_t>> expected_encoder_tensors(EncoderConfig const& config);

}  // namespace polytask::model
