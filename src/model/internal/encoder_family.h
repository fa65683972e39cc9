// What is particular to the published files of one family of encoders: the keys of its config.json and its names.
// Everything behind the files knows only EncoderConfig, and BERT's names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "model/encoder_config.h"
#include "model/internal/config_reader.h"

namespace polytask::model {

/// The keys of four sizes.
struct SizeKeys {
  char const* hidden = "hidden_size";
  char const* layers = "num_hidden_layers";
  char const* heads = "num_attention_heads";
  char const* inner = "intermediate_size";
};
/// Reads them; sizes that do not fit one another are an error.
void read_sizes(ConfigReader const& reader, SizeKeys const& keys, EncoderConfig& config);

/// Sizes of tables and layers, under the keys that all families share.
void write_dimensions(EncoderConfig const& config, OrderedJson& json);

/// Those, rates and the activation under BERT's keys, which several families share.
void write_sizes(EncoderConfig const& config, OrderedJson& json);

/// "max_position_embeddings" where no table of that many rows is among the weights: what is laid out for every place
/// would have any size that a damaged file says.
[[nodiscard]] std::int64_t read_places(ConfigReader const& reader, std::int64_t missing);

enum class PairsBy {
  Types,       ///< a pair's texts are told apart by the types of their tokens
  Separators,  ///< and what stands between them is enough
};

struct EncoderFamily {
  std::string_view model_type;
  std::string_view model_class;  ///< of the bare encoder, in the library that publishes
  PairsBy pairs_by;
  std::string_view prefix;  ///< of the encoder's tensors in a file that has heads too
  /// Fills what BERT's defaults do not say; `config.model_type` is set.
  void (*read)(ConfigReader const& reader, EncoderConfig& config);
  void (*write)(EncoderConfig const& config, OrderedJson& json);
  /// Our name of a tensor -> the published one, without the prefix. Several of ours with one name lie in it one after
  /// another.
  std::string (*published_name)(std::string const& name);
  DropoutRates (*dropout)(double embeddings, double hidden, double attention);
  std::span<std::string_view const> ignored;  ///< beginnings of names that no encoder needs: heads and buffers
};

extern EncoderFamily const kBert, kRoberta, kXlmRoberta, kElectra, kDistilBert, kModernBert, kDebertaV2;

/// Null for a type that is not built.
[[nodiscard]] EncoderFamily const* find_family(std::string_view model_type);
/// Of a configuration, whose type is built.
[[nodiscard]] EncoderFamily const& family_of(EncoderConfig const& config);

/// Each of ours that stands in the name is replaced by theirs.
[[nodiscard]] std::string renamed(std::string name, std::span<std::pair<std::string_view, std::string_view> const> to);

}  // namespace polytask::model
