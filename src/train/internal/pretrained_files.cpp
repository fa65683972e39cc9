#include "train/internal/pretrained_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "data/float16.h"
#include "model/compact_weights.h"
#include "model/safetensors.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;

constexpr char const* kHeadBias = "cls.predictions.bias";

/// Row i is the mean of the old rows of its pieces; rows without pieces lie around the mean of all.
model::Tensor rows_for(model::Tensor const& old, std::vector<std::vector<std::int32_t>> const& pieces, double deviation,
                       Rng& rng) {
  auto const width = old.shape.size() > 1 ? static_cast<std::size_t>(old.shape[1]) : 1;
  auto const n_old = old.values.size() / width;
  std::vector<double> mean(width);
  for (std::size_t r = 0; r < n_old; ++r)
    for (std::size_t i = 0; i < width; ++i)
      mean[i] += static_cast<double>(old.values[r * width + i]) / static_cast<double>(n_old);
  model::Tensor rows{.shape = old.shape};
  rows.shape[0] = static_cast<std::int64_t>(pieces.size());
  rows.values.reserve(pieces.size() * width);
  for (auto const& of_token : pieces)
    for (std::size_t i = 0; i < width; ++i) {
      double value = of_token.empty() ? mean[i] + deviation * rng.normal() : 0.0;
      for (auto const piece : of_token)
        value += static_cast<double>(old.values[static_cast<std::size_t>(piece) * width + i]) /
                 static_cast<double>(of_token.size());
      rows.values.push_back(static_cast<float>(value));
    }
  return rows;
}

/// The kept layers under their new numbers.
std::map<std::string, model::Tensor> chosen_layers(std::map<std::string, model::Tensor> weights,
                                                   std::vector<std::int64_t> const& layers) {
  if (layers.empty()) return weights;
  std::map<std::string, model::Tensor> result;
  for (auto const& [name, tensor] : weights)
    if (!name.starts_with("encoder.layer.")) result[name] = tensor;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    auto const from = fmt::format("encoder.layer.{}.", layers[i]);
    for (auto const& [name, tensor] : weights)
      if (name.starts_with(from)) result[fmt::format("encoder.layer.{}.{}", i, name.substr(from.size()))] = tensor;
  }
  return result;
}

bool has_language_head(fs::path const& folder) {
  for (auto const* name : {"model.safetensors", model::kCompactWeights})
    if (fs::exists(folder / name)) return model::SafetensorsFile::open(folder / name).tensors().contains(kHeadBias);
  return false;
}

void write_floats(fs::path const& folder, std::map<std::string, model::Tensor> const& weights, bool as_halves) {
  std::vector<model::TensorToWrite> tensors;
  std::vector<std::vector<std::uint16_t>> halves;  // the bytes must outlive the call
  halves.reserve(weights.size());
  for (auto const& [name, tensor] : weights) {
    if (!as_halves) {
      tensors.push_back(model::to_write(name, tensor));
      continue;
    }
    auto& values = halves.emplace_back(tensor.values.size());
    std::transform(tensor.values.begin(), tensor.values.end(), values.begin(), data::float16_of);
    if (!std::all_of(values.begin(), values.end(), data::is_finite_float16))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("the weights {} are too large for float16; write them as they are (stored: f32)", name));
    tensors.push_back({name, model::DType::F16, tensor.shape, std::as_bytes(std::span(values))});
  }
  model::write_safetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}});
}

}  // namespace

model::EncoderConfig continued_config(PretrainConfig const& config) {
  auto encoder = model::read_encoder_config(config.from.value());
  if (encoder.model_type != "bert")
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: is of the family {}; only BERT encoders can be gone on with so far",
                            config.from->string(), quote(encoder.model_type)));
  for (auto const layer : config.from_layers)
    if (layer < 0 || layer >= encoder.num_hidden_layers)
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("encoder.layers_kept: there is no layer {} in {}; its layers are 0 to {}", layer,
                              config.from->string(), encoder.num_hidden_layers - 1));
  if (config.max_length > encoder.longest_text())
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("train.max_length: is {}; expected at most {}, the positions that {} has",
                            config.max_length, encoder.longest_text(), config.from->string()));
  if (!config.from_layers.empty()) encoder.num_hidden_layers = static_cast<std::int64_t>(config.from_layers.size());
  return encoder;
}

model::EncoderConfig pretrained_config(PretrainConfig const& config, PretrainingTexts const& texts) {
  auto const n_tokens = static_cast<std::int64_t>(texts.tokenizer->vocabulary_size());
  if (!config.from) return encoder_of(config, n_tokens);
  auto encoder = continued_config(config);
  if (!texts.old_pieces.empty()) encoder.vocab_size = n_tokens;
  return encoder;
}

void start_weights(nn::Encoder& encoder, nn::MaskedLanguageHead& head, PretrainConfig const& config,
                   PretrainingTexts const& texts, Rng& rng) {
  auto const& encoder_config = encoder->config();
  head->initialize(encoder_config.initializer_range, rng);
  if (!config.from) return encoder->initialize(rng);
  auto const given = model::read_encoder_config(*config.from);
  auto weights = chosen_layers(model::read_encoder_weights(*config.from, given), config.from_layers);
  auto& words = weights["embeddings.word_embeddings.weight"];
  if (!texts.old_pieces.empty()) words = rows_for(words, texts.old_pieces, encoder_config.initializer_range, rng);
  encoder->load(weights);
  if (!has_language_head(*config.from)) return;
  auto head_weights =
      model::read_named_tensors(*config.from, nn::expected_language_head_tensors(given), "its config.json");
  if (!texts.old_pieces.empty()) head_weights[kHeadBias] = rows_for(head_weights[kHeadBias], texts.old_pieces, 0, rng);
  head->load(head_weights);
}

void load_language_head(nn::MaskedLanguageHead& head, fs::path const& folder, model::EncoderConfig const& config) {
  if (has_language_head(folder))
    head->load(model::read_named_tensors(folder, nn::expected_language_head_tensors(config), "its config.json"));
}

void write_pretrained(fs::path const& folder, nn::Encoder const& encoder, nn::MaskedLanguageHead const& head,
                      PretrainConfig const& config, text::Tokenizer const& tokenizer, std::string const& record) {
  auto const unfinished = fs::path(folder.string() + fmt::format(".{}.part", ::getpid()));
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  auto weights = encoder->save();
  weights.merge(head->save());
  if (config.stored == "int8" || config.stored == "int4")
    model::write_compact_weights(
        unfinished, weights,
        config.stored == "int4" ? std::set<std::string>{"embeddings.word_embeddings.weight"} : std::set<std::string>{});
  else
    write_floats(unfinished, weights, config.stored == "f16");
  auto sizes = encoder->config();
  // What fine-tuning wants by default is not what these texts wanted.
  auto const defaults = config.from ? model::read_encoder_config(*config.from) : model::EncoderConfig{};
  sizes.dropout = defaults.dropout;
  model::write_encoder_config(unfinished, sizes);
  tokenizer.save(unfinished);
  write_file_atomically(unfinished / "pretraining.json", record);
  fs::remove_all(folder, ignored);
  std::error_code failed;
  fs::rename(unfinished, folder, failed);
  if (failed)
    throw Error(ErrorCode::Unavailable,
                fmt::format("{}: the encoder cannot be put in place ({})", folder.string(), failed.message()));
  sync_folder(folder.has_parent_path() ? folder.parent_path() : fs::path("."));
}

}  // namespace polytask::train
