// DeBERTa v2 and v3 (He et al. 2021, arXiv:2006.03654 and arXiv:2111.09543): scores that depend on distances, and in
// larger sizes a convolution beside the first layer.
#include <array>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/internal/encoder_family.h"

namespace polytask::model {
namespace {

constexpr std::array<std::string_view, 9> kHeads{"pooler.",
                                                 "classifier.",
                                                 "cls.",
                                                 "lm_predictions.",
                                                 "mask_predictions.",
                                                 "qa_outputs.",
                                                 "lm_head.",
                                                 "embeddings.position_ids",
                                                 "embeddings.position_embeddings."};

DropoutRates rates(double embeddings, double hidden, double attention) {
  return {embeddings, attention, hidden, 0, hidden};
}

/// "c2p|p2c" -> its words.
std::vector<std::string> between_bars(std::string const& text) {
  std::vector<std::string> words{""};
  for (char const c : text)
    if (c == '|')
      words.emplace_back();
    else if (c != ' ')
      words.back() += c;
  return words;
}

struct Terms {
  bool content_to_position = false;
  bool position_to_content = false;
};

/// What scores are made of besides the tokens: a list, or words between bars.
Terms terms(ConfigReader const& reader) {
  Terms found;
  if (!reader.has("pos_att_type")) return found;
  auto const& value = reader.value("pos_att_type");
  auto const list = value.is_string() ? Json(between_bars(value.get<std::string>())) : value;
  auto const fail = [&] { reader.fail("pos_att_type", quote(value.dump()), "\"c2p\", \"p2c\" or both"); };
  if (!list.is_array()) fail();
  for (auto const& word : list) {
    if (word != "c2p" && word != "p2c") fail();
    (word == "c2p" ? found.content_to_position : found.position_to_content) = true;
  }
  return found;
}

RelativePositions relative(ConfigReader const& reader, EncoderConfig const& config) {
  RelativePositions found;
  auto const whole = [&](char const* key) { return reader.has(key) ? reader.count(key, -1, -1) : -1; };
  auto const farthest = whole("max_relative_positions");
  found.farthest = farthest < 1 ? config.max_position_embeddings : farthest;
  auto const buckets = whole("position_buckets");
  found.buckets = buckets > 0 ? buckets : 0;
  if (found.buckets == 1 || (found.buckets > 0 && found.farthest - 1 <= found.buckets / 2))
    reader.fail(
        "position_buckets", std::to_string(buckets),
        "-1, or at least 2 and fewer than twice the " + std::to_string(found.farthest - 1) + " farthest distances");
  found.span = found.buckets > 0 ? found.buckets : found.farthest;
  auto const [content_to_position, position_to_content] = terms(reader);
  found.content_to_position = content_to_position;
  found.position_to_content = position_to_content;
  found.own_projections = !reader.flag("share_att_key", false);
  auto const norm = reader.word("norm_rel_ebd", "none");
  if (norm != "none" && norm != "layer_norm") reader.fail("norm_rel_ebd", quote(norm), "\"none\" or \"layer_norm\"");
  found.normalized = norm == "layer_norm";
  return found;
}

std::string convolution_activation(ConfigReader const& reader) {
  auto const name = reader.word("conv_act", "tanh");
  if (name == "gelu_pytorch_tanh") return "gelu_new";  // two names of one function
  if (name != "tanh" && name != "gelu" && name != "gelu_new" && name != "relu")
    reader.fail("conv_act", quote(name), "\"tanh\", \"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"");
  return name;
}

/// Nothing where the encoder has none.
std::optional<Convolution> convolution(ConfigReader const& reader) {
  if (!reader.has("conv_kernel_size")) return std::nullopt;
  auto const width = reader.count("conv_kernel_size", 0);
  if (width == 0) return std::nullopt;
  if (width % 2 == 0)
    reader.fail("conv_kernel_size", std::to_string(width),
                "0, or an odd number: a token and as many before it as behind it");
  if (reader.has("conv_groups") && reader.size("conv_groups", 1) != 1)
    reader.fail("conv_groups", quote(reader.value("conv_groups").dump()), "1: a convolution in groups is not built");
  return Convolution{width, convolution_activation(reader)};
}

void read(ConfigReader const& reader, EncoderConfig& config) {
  read_sizes(reader, {}, config);
  config.convolution = convolution(reader);
  auto const head_size = config.hidden_size / config.num_attention_heads;
  if (reader.has("attention_head_size") && reader.size("attention_head_size", head_size) != head_size)
    reader.fail("attention_head_size", quote(reader.value("attention_head_size").dump()), std::to_string(head_size));
  config.max_position_embeddings = read_places(reader, 512);
  config.type_vocab_size = reader.count("type_vocab_size", 0);
  config.has_position_table = reader.flag("position_biased_input", true);
  config.embedding_size = reader.has("embedding_size") ? reader.size("embedding_size") : 0;
  if (config.embedding_size == config.hidden_size) config.embedding_size = 0;
  config.projection = Projection::BeforeNorm;
  config.layer_norm_eps = reader.number("layer_norm_eps", 1e-7, 0, 1);
  auto const hidden = reader.dropout("hidden_dropout_prob", 0.1);
  config.dropout = rates(hidden, hidden, reader.dropout("attention_probs_dropout_prob", 0.1));
  config.hidden_act = reader.activation("hidden_act");
  if (reader.flag("relative_attention", false))
    config.relative = relative(reader, config);
  else if (auto const named = terms(reader); named.content_to_position || named.position_to_content)
    reader.fail("relative_attention", "false", "true where \"pos_att_type\" names terms of distances");
}

void write(EncoderConfig const& config, OrderedJson& json) {
  write_sizes(config, json);
  if (config.convolution) {
    json["conv_kernel_size"] = config.convolution->width;
    json["conv_act"] = config.convolution->activation;
    json["conv_groups"] = 1;
  }
  json["position_biased_input"] = config.has_position_table;
  json["embedding_size"] = config.table_width();
  json["pad_token_id"] = 0;
  json["relative_attention"] = config.relative.has_value();
  if (!config.relative) return;
  auto const& relative = *config.relative;
  json["max_relative_positions"] = relative.farthest;
  json["position_buckets"] = relative.buckets > 0 ? relative.buckets : -1;
  auto types = OrderedJson::array();
  if (relative.position_to_content) types.push_back("p2c");
  if (relative.content_to_position) types.push_back("c2p");
  if (!types.empty()) json["pos_att_type"] = types;
  json["share_att_key"] = !relative.own_projections;
  json["norm_rel_ebd"] = relative.normalized ? "layer_norm" : "none";
}

std::string published_name(std::string const& name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kNames{
      {{"encoder.layer.0.convolution", "encoder.conv"},
       {"embeddings.projection", "embeddings.embed_proj"},
       {"embeddings.relative_norm", "encoder.LayerNorm"},
       {"embeddings.relative", "encoder.rel_embeddings"},
       {"attention.self.query", "attention.self.query_proj"},
       {"attention.self.key", "attention.self.key_proj"},
       {"attention.self.value", "attention.self.value_proj"},
       {"attention.self.position_key", "attention.self.pos_key_proj"},
       {"attention.self.position_query", "attention.self.pos_query_proj"}}};
  return renamed(name, kNames);
}

}  // namespace

EncoderFamily const kDebertaV2{
    "deberta-v2", "DebertaV2Model", PairsBy::Separators, "deberta.", read, write, published_name, rates, kHeads};

}  // namespace polytask::model
