#include "model/encoder_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "model/internal/checked_tensor.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

/// Reads the keys of a config.json; every message names the file and the key.
class ConfigReader {
 public:
  ConfigReader(std::string where, Json const& json) : where_(std::move(where)), json_(json) {}

  [[noreturn]] void fail(std::string_view key, std::string const& found, std::string const& expected) const {
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: \"{}\" is {}; expected {}", where_, key, found, expected));
  }

  std::int64_t size(char const* key, std::int64_t missing) const {
    if (!json_.contains(key)) {
      if (missing > 0) return missing;
      fail(key, "missing", "a whole number");
    }
    auto const& value = json_[key];
    constexpr std::int64_t kLargest = 1 << 24;
    if (!value.is_number_integer() || value.get<std::int64_t>() < 1 || value.get<std::int64_t>() > kLargest)
      fail(key, quote(value.dump()), fmt::format("a whole number from 1 to {}", kLargest));
    return value.get<std::int64_t>();
  }

  double number(char const* key, double missing, double low, double high) const {
    if (!json_.contains(key) || json_[key].is_null()) return missing;
    auto const& value = json_[key];
    if (!value.is_number() || value.get<double>() < low || value.get<double>() > high)
      fail(key, quote(value.dump()), fmt::format("a number from {} to {}", low, high));
    return value.get<double>();
  }

  std::string word(char const* key, std::string const& missing) const {
    if (!json_.contains(key) || json_[key].is_null()) return missing;
    if (!json_[key].is_string()) fail(key, quote(json_[key].dump()), "a word");
    return json_[key].get<std::string>();
  }

 private:
  std::string where_;
  Json const& json_;
};

/// A published name without what older or wrapped checkpoints add to it.
std::string plain_name(std::string name) {
  if (name.starts_with("bert.")) name.erase(0, 5);
  auto const replace_end = [&](std::string_view from, std::string_view to) {
    if (name.ends_with(from)) name.replace(name.size() - from.size(), from.size(), to);
  };
  replace_end("LayerNorm.gamma", "LayerNorm.weight");
  replace_end("LayerNorm.beta", "LayerNorm.bias");
  return name;
}

bool may_be_ignored(std::string const& name) {
  return name.starts_with("pooler.") || name.starts_with("cls.") || name.starts_with("classifier.") ||
         name == "embeddings.position_ids";
}

/// The weight files of a folder: one, or the shards that the index names.
std::vector<fs::path> weight_files(fs::path const& folder) {
  if (is_there(folder / "model.safetensors")) return {folder / "model.safetensors"};
  auto const index_path = folder / "model.safetensors.index.json";
  if (!is_there(index_path)) {
    constexpr auto kConvert =
        "convert it once where you trust it (transformers: model.save_pretrained(folder, safe_serialization=True)) and "
        "use model.safetensors";
    for (auto const* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
      if (is_there(folder / name))
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: is not read, because a pickle file can run any program when it is opened; {}",
                                (folder / name).string(), kConvert));
    for (auto const* name : {"model.ckpt.index", "tf_model.h5"})
      if (is_there(folder / name))
        throw Error(ErrorCode::InvalidInput, fmt::format("{}: is not read, because only safetensors are; {}",
                                                         (folder / name).string(), kConvert));
    throw Error(
        ErrorCode::NotFound,
        fmt::format(
            "{}: has neither model.safetensors nor model.safetensors.index.json; give a Hugging Face model folder",
            folder.string()));
  }
  auto const index = parse_json(read_file(index_path), index_path.string()).value();
  auto const bad_index = [&] {
    return Error(ErrorCode::InvalidInput,
                 index_path.string() + ": has no \"weight_map\" of tensor names to file names; get the folder again");
  };
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object() ||
      index["weight_map"].empty())
    throw bad_index();
  std::set<std::string> names;
  for (auto const& [tensor, file] : index["weight_map"].items()) {
    if (!file.is_string()) throw bad_index();
    auto const name = file.get<std::string>();
    if (name.empty() || name.find('\0') != std::string::npos || fs::path(name).filename().string() != name ||
        name == "." || name == ".." || !name.ends_with(".safetensors"))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: names the file {}; expected the plain name of a .safetensors file beside it",
                              index_path.string(), quote(name)));
    names.insert(name);
  }
  std::vector<fs::path> files;
  for (auto const& name : names) files.push_back(folder / name);
  return files;
}

/// The tensors of `expected` by plain name; of others those that may be ignored are.
std::map<std::string, Tensor> read_tensors(fs::path const& folder, Shapes const& expected, std::string const& asked_by,
                                           std::function<bool(std::string const&)> const& may_be_ignored) {
  std::map<std::string, Tensor> weights;
  for (auto const& path : weight_files(folder)) {
    auto const file = SafetensorsFile::open(path);
    for (auto const& [published, view] : file.tensors()) {
      auto const name = plain_name(published);
      auto const found = expected.find(name);
      if (found == expected.end()) {
        if (may_be_ignored(name)) continue;
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: holds the tensor {}, which no encoder of this config.json has; weights and "
                                "configuration do not belong together",
                                path.string(), quote(published)));
      }
      if (!weights.emplace(name, checked_tensor(path, published, view, found->second, asked_by)).second)
        throw Error(ErrorCode::InvalidInput,
                    fmt::format("{}: tensor {} stands twice in the folder", path.string(), quote(published)));
      file.copied(view);
    }
  }
  for (auto const& [name, shape] : expected)
    if (!weights.contains(name))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: has no tensor {} of shape [{}], which {} asks for; the weights are incomplete",
                              folder.string(), quote(name), fmt::join(shape, ", "), asked_by));
  return weights;
}

}  // namespace

EncoderConfig read_encoder_config(fs::path const& folder) {
  std::error_code failed;
  if (!std::filesystem::exists(folder, failed) && !failed)
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
  auto const type = reader.word("model_type", "bert");
  if (type != "bert") reader.fail("model_type", quote(type), "\"bert\", the only family that is built so far");
  auto const positions = reader.word("position_embedding_type", "absolute");
  if (positions != "absolute") reader.fail("position_embedding_type", quote(positions), "\"absolute\"");
  for (auto const* key : {"is_decoder", "add_cross_attention"})
    if (json.contains(key) && json[key] != false && !json[key].is_null())
      reader.fail(key, quote(json[key].dump()), "false: an encoder whose tokens see one another");
  EncoderConfig config;
  config.vocab_size = reader.size("vocab_size", 0);
  config.hidden_size = reader.size("hidden_size", 0);
  config.num_hidden_layers = reader.size("num_hidden_layers", 0);
  config.num_attention_heads = reader.size("num_attention_heads", 0);
  config.intermediate_size = reader.size("intermediate_size", 0);
  config.max_position_embeddings = reader.size("max_position_embeddings", 512);
  config.type_vocab_size = reader.size("type_vocab_size", 2);
  config.layer_norm_eps = reader.number("layer_norm_eps", 1e-12, 0, 1);
  config.hidden_dropout_prob = reader.number("hidden_dropout_prob", 0.1, 0, 0.99);
  config.attention_probs_dropout_prob = reader.number("attention_probs_dropout_prob", 0.1, 0, 0.99);
  config.initializer_range = reader.number("initializer_range", 0.02, 0, 10);
  config.hidden_act = reader.word("hidden_act", "gelu");
  if (config.hidden_act == "gelu_pytorch_tanh") config.hidden_act = "gelu_new";  // two names of one function
  if (config.hidden_act != "gelu" && config.hidden_act != "gelu_new" && config.hidden_act != "relu")
    reader.fail("hidden_act", quote(config.hidden_act), "\"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"");
  if (config.hidden_size % config.num_attention_heads != 0)
    reader.fail("hidden_size", fmt::format("{}", config.hidden_size),
                fmt::format("a multiple of \"num_attention_heads\" ({})", config.num_attention_heads));
  if (config.num_hidden_layers > 1'000)
    reader.fail("num_hidden_layers", fmt::format("{}", config.num_hidden_layers), "at most 1000");
  return config;
}

void check_vocabulary(std::filesystem::path const& folder, EncoderConfig const& config, std::size_t n_tokens) {
  if (static_cast<std::int64_t>(n_tokens) > config.vocab_size)
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: the tokenizer has {} tokens, the encoder embeds {}; the files do not belong together",
                            folder.string(), n_tokens, config.vocab_size));
}

std::string encoder_config_text(EncoderConfig const& config) {
  OrderedJson json;
  json["architectures"] = {"BertModel"};
  json["model_type"] = "bert";
  json["vocab_size"] = config.vocab_size;
  json["hidden_size"] = config.hidden_size;
  json["num_hidden_layers"] = config.num_hidden_layers;
  json["num_attention_heads"] = config.num_attention_heads;
  json["intermediate_size"] = config.intermediate_size;
  json["max_position_embeddings"] = config.max_position_embeddings;
  json["type_vocab_size"] = config.type_vocab_size;
  json["layer_norm_eps"] = config.layer_norm_eps;
  json["hidden_dropout_prob"] = config.hidden_dropout_prob;
  json["attention_probs_dropout_prob"] = config.attention_probs_dropout_prob;
  json["initializer_range"] = config.initializer_range;
  json["hidden_act"] = config.hidden_act;
  json["position_embedding_type"] = "absolute";
  json["pad_token_id"] = 0;
  return json.dump(2) + "\n";
}

void write_encoder_config(fs::path const& folder, EncoderConfig const& config) {
  write_file_atomically(folder / "config.json", encoder_config_text(config));
}

std::map<std::string, std::vector<std::int64_t>> expected_encoder_tensors(EncoderConfig const& config) {
  std::map<std::string, std::vector<std::int64_t>> tensors;
  std::int64_t const hidden = config.hidden_size;
  auto const linear = [&](std::string const& name, std::int64_t outputs, std::int64_t inputs) {
    tensors[name + ".weight"] = {outputs, inputs};
    tensors[name + ".bias"] = {outputs};
  };
  auto const norm = [&](std::string const& name) {
    tensors[name + ".weight"] = {hidden};
    tensors[name + ".bias"] = {hidden};
  };
  tensors["embeddings.word_embeddings.weight"] = {config.vocab_size, hidden};
  tensors["embeddings.position_embeddings.weight"] = {config.max_position_embeddings, hidden};
  tensors["embeddings.token_type_embeddings.weight"] = {config.type_vocab_size, hidden};
  norm("embeddings.LayerNorm");
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    auto const layer = fmt::format("encoder.layer.{}.", i);
    for (auto const* part : {"query", "key", "value"}) linear(layer + "attention.self." + part, hidden, hidden);
    linear(layer + "attention.output.dense", hidden, hidden);
    norm(layer + "attention.output.LayerNorm");
    linear(layer + "intermediate.dense", config.intermediate_size, hidden);
    linear(layer + "output.dense", hidden, config.intermediate_size);
    norm(layer + "output.LayerNorm");
  }
  return tensors;
}

std::map<std::string, Tensor> read_encoder_weights(fs::path const& folder, EncoderConfig const& config) {
  return read_tensors(folder, expected_encoder_tensors(config), "config.json", may_be_ignored);
}

std::map<std::string, Tensor> read_named_tensors(fs::path const& folder, Shapes const& expected,
                                                 std::string const& asked_by) {
  return read_tensors(folder, expected, asked_by, [](std::string const&) { return true; });
}

TensorToWrite to_write(std::string name, Tensor const& tensor) {
  return {std::move(name), DType::F32, tensor.shape, std::as_bytes(std::span(tensor.values))};
}

void write_encoder_weights(fs::path const& folder, std::map<std::string, Tensor> const& weights) {
  std::vector<TensorToWrite> tensors;
  for (auto const& [name, tensor] : weights) tensors.push_back(to_write(name, tensor));
  write_safetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}});
}

}  // namespace polytask::model
