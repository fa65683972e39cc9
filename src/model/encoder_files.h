// An encoder's weights in a Hugging Face folder. In a file they carry the names of its family, in memory those of BERT.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/encoder_config.h"
#include "model/safetensors.h"

namespace polytask::model {

/// Throws Error{InvalidInput} where the folder's tokenizer has more tokens than the encoder embeds.
void check_vocabulary(std::filesystem::path const& folder, EncoderConfig const& config, std::size_t n_tokens);

struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  ///< row-major
};
/// As float32; the values are borrowed.
[[nodiscard]] TensorToWrite to_write(std::string name, Tensor const& tensor);

/// Weights by BERT's names whatever the family ("embeddings.word_embeddings.weight",
/// "encoder.layer.0.attention.self.query.weight", ...), every one the configuration asks for and no other: pooler,
/// position ids and pre-training heads are left out. Old names (LayerNorm.gamma) are translated.
/// Reads model.safetensors, model.int8.safetensors (model/compact_weights.h) or the shards of
/// model.safetensors.index.json. Throws Error{InvalidInput} naming the
/// published tensor, the found and the expected shape; for NaN or infinite values; for a pytorch_model.bin (a pickle
/// may run code; how to convert it).
[[nodiscard]] std::map<std::string, Tensor> read_encoder_weights(std::filesystem::path const& folder,
                                                                 EncoderConfig const& config);
/// Other tensors of the same files, by their names without a "bert." prefix: those of `expected` (name -> shape) and no
/// others. Throws as read_encoder_weights does; `asked_by` says in a message what asks for a shape.
[[nodiscard]] std::map<std::string, Tensor> read_named_tensors(
    std::filesystem::path const& folder, std::map<std::string, std::vector<std::int64_t>> const& expected,
    std::string const& asked_by);
/// Every tensor of floats in the same files, by the name it has there. Throws as they do.
[[nodiscard]] std::map<std::string, Tensor> read_all_tensors(std::filesystem::path const& folder);
/// Writes model.safetensors, under the family's names without a prefix.
void write_encoder_weights(std::filesystem::path const& folder, EncoderConfig const& config,
                           std::map<std::string, Tensor> const& weights);
/// The weights by those names.
[[nodiscard]] std::map<std::string, Tensor> published_weights(EncoderConfig const& config,
                                                              std::map<std::string, Tensor> const& weights);

/// The names and shapes that a configuration asks for. Of a gated layer, "intermediate.dense" is the activated product
/// and "intermediate.gate" the one that it is multiplied by; "output_norm" is the norm after the last layer of those
/// that have theirs before each half; "encoder.layer.0.convolution" is the convolution beside the first layer.
[[nodiscard]] std::map<std::string, std::vector<std::int64_t>> expected_encoder_tensors(EncoderConfig const& config);

}  // namespace polytask::model
