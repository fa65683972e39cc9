// DistilBERT (Sanh et al. 2019, arXiv:1910.01108): BERT's layers under other names, without token types.
#include <array>

#include "model/internal/encoder_family.h"

namespace polytask::model {
namespace {

constexpr std::array<std::string_view, 8> kHeads{
    "pre_classifier.",  "classifier.", "vocab_transform.", "vocab_layer_norm.",
    "vocab_projector.", "qa_outputs.", "pooler.",          "embeddings.position_ids"};
constexpr double kEpsilon = 1e-12;  // in the code, not in the file

/// Nothing is dropped of what attention adds.
DropoutRates rates(double embeddings, double hidden, double attention) { return {embeddings, attention, 0, 0, hidden}; }

void read(ConfigReader const& reader, EncoderConfig& config) {
  read_sizes(reader, {.hidden = "dim", .layers = "n_layers", .heads = "n_heads", .inner = "hidden_dim"}, config);
  config.max_position_embeddings = reader.size("max_position_embeddings", 512);
  config.type_vocab_size = 0;
  config.layer_norm_eps = kEpsilon;
  auto const hidden = reader.dropout("dropout", 0.1);
  config.dropout = rates(hidden, hidden, reader.dropout("attention_dropout", 0.1));
  config.hidden_act = reader.activation("activation");
}

void write(EncoderConfig const& config, OrderedJson& json) {
  json["vocab_size"] = config.vocab_size;
  json["dim"] = config.hidden_size;
  json["n_layers"] = config.num_hidden_layers;
  json["n_heads"] = config.num_attention_heads;
  json["hidden_dim"] = config.intermediate_size;
  json["max_position_embeddings"] = config.max_position_embeddings;
  json["dropout"] = config.dropout.embeddings;
  json["attention_dropout"] = config.dropout.attention;
  json["initializer_range"] = config.initializer_range;
  json["activation"] = config.hidden_act;
  json["sinusoidal_pos_embds"] = false;  // its table of positions is among the weights
  json["pad_token_id"] = 0;
}

std::string published_name(std::string const& name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kNames{
      {{"encoder.layer.", "transformer.layer."},
       {"attention.self.query", "attention.q_lin"},
       {"attention.self.key", "attention.k_lin"},
       {"attention.self.value", "attention.v_lin"},
       {"attention.output.dense", "attention.out_lin"},
       {"attention.output.LayerNorm", "sa_layer_norm"},
       {"intermediate.dense", "ffn.lin1"},
       {"output.dense", "ffn.lin2"},
       {"output.LayerNorm", "output_layer_norm"}}};
  return renamed(name, kNames);
}

}  // namespace

EncoderFamily const kDistilBert{
    "distilbert", "DistilBertModel", PairsBy::Separators, "distilbert.", read, write, published_name, rates, kHeads};

}  // namespace polytask::model
