#include "model/encoder_config.h"

#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "model/internal/encoder_family.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

std::string list_of_types() {
  std::string list;
  auto const types = supported_model_types();
  for (std::size_t i = 0; i < types.size(); ++i)
    list += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == types.size() ? " or " : ", ", types[i]);
  return list;
}

}  // namespace

bool EncoderConfig::reads_pairs() const {
  return type_vocab_size >= 2 || family_of(*this).pairs_by == PairsBy::Separators;
}

EncoderConfig read_encoder_config(fs::path const& folder) {
  std::error_code failed;
  if (!fs::exists(folder, failed) && !failed)
    throw Error(
        ErrorCode::NotFound,
        fmt::format("{}: there is no such folder; expected an encoder in Hugging Face layout (config.json, "
                    "model.safetensors, tokenizer.json): correct \"encoder\", or take it out of the project and "
                    "a small one is trained from nothing",
                    folder.string()));
  auto const path = folder / "config.json";
  return parse_encoder_config(read_file(path, 1 << 24), path.string());
}

EncoderConfig parse_encoder_config(std::string_view text, std::string const& where) {
  auto const json = parse_json(text, where).value();
  if (!json.is_object())
    throw Error(ErrorCode::InvalidInput,
                where + ": is not a JSON object; expected the config.json of a Hugging Face encoder");
  ConfigReader const reader(where, json);
  EncoderConfig config;
  config.model_type = reader.word("model_type", "bert");
  auto const* const family = find_family(config.model_type);
  if (family == nullptr) reader.fail("model_type", quote(config.model_type), list_of_types());
  for (auto const* key : {"is_decoder", "add_cross_attention"})
    if (json.contains(key) && json[key] != false && !json[key].is_null())
      reader.fail(key, quote(json[key].dump()), "false: an encoder whose tokens see one another");
  config.vocab_size = reader.size("vocab_size");
  config.initializer_range = reader.number("initializer_range", 0.02, 0, 10);
  family->read(reader, config);
  return config;
}

std::string encoder_config_text(EncoderConfig const& config) {
  auto const& family = family_of(config);
  OrderedJson json;
  json["architectures"] = {family.model_class};
  json["model_type"] = config.model_type;
  family.write(config, json);
  return json.dump(2) + "\n";
}

void write_encoder_config(fs::path const& folder, EncoderConfig const& config) {
  write_file_atomically(folder / "config.json", encoder_config_text(config));
}

void set_dropout(EncoderConfig& config, double rate) { config.dropout = family_of(config).dropout(rate, rate, rate); }

std::optional<double> single_dropout(EncoderConfig const& config) {
  auto same = config;
  set_dropout(same, config.dropout.embeddings);
  return same == config ? std::optional(config.dropout.embeddings) : std::nullopt;
}

}  // namespace polytask::model
