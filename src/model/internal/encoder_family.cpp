#include "model/internal/encoder_family.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"

namespace polytask::model {
namespace {

constexpr std::array kFamilies{&kBert, &kRoberta, &kXlmRoberta, &kElectra, &kDistilBert, &kModernBert, &kDebertaV2};

}  // namespace

EncoderFamily const* find_family(std::string_view model_type) {
  for (auto const* family : kFamilies)
    if (family->model_type == model_type) return family;
  return nullptr;
}

EncoderFamily const& family_of(EncoderConfig const& config) {
  auto const* const family = find_family(config.model_type);
  expects(family != nullptr, "a configuration names a model type that is built");
  return *family;
}

void read_sizes(ConfigReader const& reader, SizeKeys const& keys, EncoderConfig& config) {
  config.hidden_size = reader.size(keys.hidden);
  config.num_hidden_layers = reader.size(keys.layers);
  config.num_attention_heads = reader.size(keys.heads);
  config.intermediate_size = reader.size(keys.inner);
  if (config.hidden_size % config.num_attention_heads != 0)
    reader.fail(keys.hidden, std::to_string(config.hidden_size),
                fmt::format("a multiple of \"{}\" ({})", keys.heads, config.num_attention_heads));
  constexpr std::int64_t kMostLayers = 1'000;
  if (config.num_hidden_layers > kMostLayers)
    reader.fail(keys.layers, std::to_string(config.num_hidden_layers), fmt::format("at most {}", kMostLayers));
}

void write_dimensions(EncoderConfig const& config, OrderedJson& json) {
  json["vocab_size"] = config.vocab_size;
  json["hidden_size"] = config.hidden_size;
  json["num_hidden_layers"] = config.num_hidden_layers;
  json["num_attention_heads"] = config.num_attention_heads;
  json["intermediate_size"] = config.intermediate_size;
  json["max_position_embeddings"] = config.max_position_embeddings;
}

void write_sizes(EncoderConfig const& config, OrderedJson& json) {
  write_dimensions(config, json);
  json["type_vocab_size"] = config.type_vocab_size;
  json["layer_norm_eps"] = config.layer_norm_eps;
  json["hidden_dropout_prob"] = config.dropout.embeddings;
  json["attention_probs_dropout_prob"] = config.dropout.attention;
  json["initializer_range"] = config.initializer_range;
  json["hidden_act"] = config.hidden_act;
}

std::int64_t read_places(ConfigReader const& reader, std::int64_t missing) {
  auto const n = reader.size("max_position_embeddings", missing);
  constexpr std::int64_t kMost = 1 << 17;
  if (n > kMost) reader.fail("max_position_embeddings", std::to_string(n), fmt::format("at most {}", kMost));
  return n;
}

std::vector<std::string> supported_model_types() {
  std::vector<std::string> types;
  for (auto const* family : kFamilies) types.emplace_back(family->model_type);
  return types;
}

std::string renamed(std::string name, std::span<std::pair<std::string_view, std::string_view> const> to) {
  for (auto const& [ours, theirs] : to)
    if (auto const at = name.find(ours); at != std::string::npos) name.replace(at, ours.size(), theirs);
  return name;
}

}  // namespace polytask::model
