// ModernBERT (Warner et al. 2024, arXiv:2412.13663): rotary positions, windows in most layers, gated feed-forward
// halves, a norm before each half, hardly a bias.
#include <array>

#include "base/error.h"
#include "model/internal/encoder_family.h"

namespace polytask::model {
namespace {

constexpr std::array<std::string_view, 3> kHeads{"head.", "decoder.", "classifier."};
constexpr auto kAll = "full_attention";
constexpr auto kWindow = "sliding_attention";

DropoutRates rates(double embeddings, double hidden, double attention) {
  return {embeddings, attention, attention, hidden, 0};
}

/// Of the layers that see all, or of those with a window: as newer files say it, as older ones do, or as the library
/// assumes.
double theta(ConfigReader const& reader, char const* kind, char const* old_key, double missing) {
  auto const all = reader.object("rope_parameters");
  if (all.contains(kind) && all[kind].is_object()) {
    auto const& own = all[kind];
    if (auto const type = own.value("rope_type", Json("default")); type != "default")
      reader.fail("rope_parameters", quote(all.dump()), "the \"rope_type\" default: no other angles are built");
    if (own.contains("rope_theta") && own["rope_theta"].is_number()) {
      auto const found = own["rope_theta"].get<double>();
      if (!(found >= 1 && found <= 1e12)) reader.fail("rope_parameters", quote(all.dump()), "a theta from 1 to 1e12");
      return found;
    }
  }
  return reader.number(old_key, missing, 1, 1e12);
}

/// Whether layer by layer there is a window.
std::vector<bool> windows(ConfigReader const& reader, std::int64_t n_layers) {
  std::vector<bool> found;
  if (!reader.has("layer_types")) {
    auto const every = reader.size("global_attn_every_n_layers", 3);
    for (std::int64_t i = 0; i < n_layers; ++i) found.push_back(i % every != 0);
    return found;
  }
  auto const& types = reader.value("layer_types");
  auto const fail = [&] {
    reader.fail(
        "layer_types", quote(types.dump()),
        "\"" + std::string(kAll) + "\" or \"" + kWindow + "\" for each of the " + std::to_string(n_layers) + " layers");
  };
  if (!types.is_array() || static_cast<std::int64_t>(types.size()) != n_layers) fail();
  for (auto const& type : types) {
    if (type != kAll && type != kWindow) fail();
    found.push_back(type == kWindow);
  }
  return found;
}

void read(ConfigReader const& reader, EncoderConfig& config) {
  read_sizes(reader, {}, config);
  if (config.hidden_size / config.num_attention_heads % 2 != 0)
    reader.fail("hidden_size", std::to_string(config.hidden_size),
                "heads of an even size, as rotary positions turn halves of them");
  if (reader.has("rope_scaling")) reader.fail("rope_scaling", quote(reader.value("rope_scaling").dump()), "null");
  config.max_position_embeddings = read_places(reader, 8192);
  config.type_vocab_size = 0;
  config.has_position_table = false;
  config.layer_norm_eps = reader.number("norm_eps", 1e-5, 0, 1);
  config.dropout = rates(reader.dropout("embedding_dropout", 0), reader.dropout("mlp_dropout", 0),
                         reader.dropout("attention_dropout", 0));
  config.hidden_act = reader.activation("hidden_activation");
  config.norm_placement = NormPlacement::Before;
  config.is_gated = true;
  config.has_attention_bias = reader.flag("attention_bias", false);
  config.has_inner_bias = reader.flag("mlp_bias", false);
  config.has_norm_bias = reader.flag("norm_bias", false);
  config.pad_token_id = reader.has("pad_token_id") ? reader.count("pad_token_id", 0) : 0;
  auto const reach = reader.count("local_attention", 128, 2) / 2;
  auto const of_all = theta(reader, kAll, "global_rope_theta", 160'000);
  auto const of_window =
      theta(reader, kWindow, "local_rope_theta", reader.nulled("local_rope_theta") ? of_all : 10'000);
  for (bool const has_window : windows(reader, config.num_hidden_layers))
    config.layer_attention.push_back(has_window ? LayerAttention{reach, of_window} : LayerAttention{0, of_all});
}

void write(EncoderConfig const& config, OrderedJson& json) {
  write_dimensions(config, json);
  json["norm_eps"] = config.layer_norm_eps;
  json["embedding_dropout"] = config.dropout.embeddings;
  json["attention_dropout"] = config.dropout.attention;
  json["mlp_dropout"] = config.dropout.inner;
  json["initializer_range"] = config.initializer_range;
  json["hidden_activation"] = config.hidden_act;
  json["attention_bias"] = config.has_attention_bias;
  json["mlp_bias"] = config.has_inner_bias;
  json["norm_bias"] = config.has_norm_bias;
  json["pad_token_id"] = config.pad_token_id;
  // A kind that no layer is of is written as the library assumes it.
  LayerAttention all{0, 160'000};
  LayerAttention window{64, 10'000};
  json["layer_types"] = OrderedJson::array();
  for (auto const& layer : config.layer_attention) {
    json["layer_types"].push_back(layer.reach > 0 ? kWindow : kAll);
    (layer.reach > 0 ? window : all) = layer;
  }
  json["local_attention"] = 2 * window.reach;
  json["rope_parameters"] = {{kAll, {{"rope_type", "default"}, {"rope_theta", all.rotary_theta}}},
                             {kWindow, {{"rope_type", "default"}, {"rope_theta", window.rotary_theta}}}};
}

std::string published_name(std::string const& name) {
  // The norm after the last layer is a part of that layer here, a part of the encoder there.
  if (auto const at = name.find("output_norm."); at != std::string::npos) return "final_norm." + name.substr(at + 12);
  constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kNames{
      {{"embeddings.word_embeddings", "embeddings.tok_embeddings"},
       {"embeddings.LayerNorm", "embeddings.norm"},
       {"encoder.layer.", "layers."},
       {"attention.self.query", "attn.Wqkv"},
       {"attention.self.key", "attn.Wqkv"},
       {"attention.self.value", "attn.Wqkv"},
       {"attention.output.dense", "attn.Wo"},
       {"attention.output.LayerNorm", "attn_norm"},
       {"intermediate.dense", "mlp.Wi"},
       {"intermediate.gate", "mlp.Wi"},
       {"output.dense", "mlp.Wo"},
       {"output.LayerNorm", "mlp_norm"}}};
  return renamed(name, kNames);
}

}  // namespace

EncoderFamily const kModernBert{
    "modernbert", "ModernBertModel", PairsBy::Separators, "model.", read, write, published_name, rates, kHeads};

}  // namespace polytask::model
