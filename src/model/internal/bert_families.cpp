// BERT, and the families whose files differ from its in little: RoBERTa and XLM-R (positions counted from behind the
// padding's id), ELECTRA (tables of a width of their own).
#include <array>

#include "base/error.h"
#include "model/internal/encoder_family.h"

namespace polytask::model {
namespace {

constexpr std::array<std::string_view, 10> kHeads{"pooler.",
                                                  "cls.",
                                                  "classifier.",
                                                  "lm_head.",
                                                  "qa_outputs.",
                                                  "discriminator_predictions.",
                                                  "generator_predictions.",
                                                  "generator_lm_head.",
                                                  "embeddings.position_ids",
                                                  "embeddings.token_type_ids"};

DropoutRates rates(double embeddings, double hidden, double attention) {
  return {embeddings, attention, hidden, 0, hidden};
}

void read_common(ConfigReader const& reader, EncoderConfig& config) {
  auto const positions = reader.word("position_embedding_type", "absolute");
  if (positions != "absolute") reader.fail("position_embedding_type", quote(positions), "\"absolute\"");
  read_sizes(reader, {}, config);
  config.max_position_embeddings = reader.size("max_position_embeddings", 512);
  config.type_vocab_size = reader.size("type_vocab_size", 2);
  config.layer_norm_eps = reader.number("layer_norm_eps", 1e-12, 0, 1);
  auto const hidden = reader.dropout("hidden_dropout_prob", 0.1);
  config.dropout = rates(hidden, hidden, reader.dropout("attention_probs_dropout_prob", 0.1));
  config.hidden_act = reader.activation("hidden_act");
}

void write_common(EncoderConfig const& config, OrderedJson& json) {
  write_sizes(config, json);
  json["position_embedding_type"] = "absolute";
  json["pad_token_id"] = 0;
}

/// The rows of the position table up to the padding's id are never a text's.
void read_roberta(ConfigReader const& reader, EncoderConfig& config) {
  read_common(reader, config);
  config.pad_token_id = reader.count("pad_token_id", 1);
  config.first_position = config.pad_token_id + 1;
  if (config.first_position >= config.max_position_embeddings)
    reader.fail("max_position_embeddings", std::to_string(config.max_position_embeddings),
                "more than \"pad_token_id\" + 1 (" + std::to_string(config.first_position) +
                    "): a text's first token has the position behind it");
}

void write_roberta(EncoderConfig const& config, OrderedJson& json) {
  write_common(config, json);
  json["pad_token_id"] = config.pad_token_id;
}

void read_electra(ConfigReader const& reader, EncoderConfig& config) {
  read_common(reader, config);
  config.embedding_size = reader.size("embedding_size", 128);
  if (config.embedding_size == config.hidden_size) config.embedding_size = 0;
}

void write_electra(EncoderConfig const& config, OrderedJson& json) {
  write_common(config, json);
  json["embedding_size"] = config.table_width();
}

std::string same_name(std::string const& name) { return name; }

std::string electra_name(std::string const& name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 1> kNames{
      {{"embeddings.projection.", "embeddings_project."}}};
  return renamed(name, kNames);
}

}  // namespace

EncoderFamily const kBert{"bert",       "BertModel", PairsBy::Types, "bert.", read_common,
                          write_common, same_name,   rates,          kHeads};
EncoderFamily const kRoberta{
    "roberta", "RobertaModel", PairsBy::Separators, "roberta.", read_roberta, write_roberta, same_name, rates, kHeads};
EncoderFamily const kXlmRoberta{"xlm-roberta", "XLMRobertaModel", PairsBy::Separators, "roberta.",
                                read_roberta,  write_roberta,     same_name,           rates,
                                kHeads};
EncoderFamily const kElectra{"electra",     "ElectraModel", PairsBy::Types, "electra.", read_electra,
                             write_electra, electra_name,   rates,          kHeads};

}  // namespace polytask::model
