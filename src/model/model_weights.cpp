#include "model/model_weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/internal/checked_tensor.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

/// The tensors of one file: these and no others. `whose` says in a message who has so many.
std::map<std::string, Tensor> read_tensors(fs::path const& path, Shapes const& expected, std::string const& asked_by,
                                           std::string const& whose) {
  auto const file = SafetensorsFile::open(path);
  std::map<std::string, Tensor> tensors;
  for (auto const& [name, shape] : expected) {
    auto const found = file.tensors().find(name);
    if (found == file.tensors().end())
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: has no tensor {}; the file is incomplete", path.string(), quote(name)));
    tensors.emplace(name, checked_tensor(path, name, found->second, shape, asked_by));
    file.copied(found->second);
  }
  if (file.tensors().size() > expected.size())
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: has {} tensors, {} {}; the files do not belong together",
                                                     path.string(), file.tensors().size(), whose, expected.size()));
  return tensors;
}

/// The encoder's top `n_layers` layers.
Shapes top_shapes(EncoderConfig const& config, std::int64_t n_layers) {
  Shapes shapes;
  auto const all = expected_encoder_tensors(config);
  for (auto layer = config.num_hidden_layers - n_layers; layer < config.num_hidden_layers; ++layer) {
    auto const prefix = fmt::format("encoder.layer.{}.", layer);
    for (auto at = all.lower_bound(prefix); at != all.end() && at->first.starts_with(prefix); ++at) shapes.insert(*at);
  }
  return shapes;
}

std::map<std::string, Tensor> read_private_layers(fs::path const& path, EncoderConfig const& config,
                                                  std::int64_t n_layers) {
  return read_tensors(path, top_shapes(config, n_layers), "the encoder's config.json",
                      fmt::format("{} private layer{}", n_layers, n_layers == 1 ? " has" : "s have"));
}

HeadWeights read_head(fs::path const& folder, HeadSpec const& head, EncoderConfig const& config) {
  auto const n_outputs = static_cast<std::int64_t>(head.n_outputs());
  auto const hidden = config.hidden_size;
  Shapes expected{{"weight", {n_outputs, head.n_inputs(hidden)}}, {"bias", {n_outputs}}};
  bool const has_pooler = head.pooler == Pooler::Tanh;
  if (has_pooler) expected.insert({{"pooler.weight", {hidden, hidden}}, {"pooler.bias", {hidden}}});
  auto tensors =
      read_tensors(task_folder(folder, head.task.name) / "head.safetensors", expected,
                   "task.json with the encoder's config.json", has_pooler ? "a head with a pooler has" : "a head has");
  HeadWeights weights{std::move(tensors.at("weight")), std::move(tensors.at("bias")), std::nullopt, {}};
  if (has_pooler) weights.pooler = {std::move(tensors.at("pooler.weight")), std::move(tensors.at("pooler.bias"))};
  auto const layers = private_file(folder, head.task.name);
  if (head.private_layers > 0)
    weights.layers = read_private_layers(layers, config, head.private_layers);
  else if (std::error_code absent; fs::exists(layers, absent))
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: task.json gives the task no layers for itself; the files do not belong together",
                            layers.string()));
  return weights;
}

void refuse_unread_layers(fs::path const& folder, ModelSpec const& spec) {
  auto const own = spec.private_readings();
  auto const reads = [&](fs::path const& file) {
    return std::any_of(own.begin(), own.end(), [&](Reading reading) { return private_file(folder, reading) == file; });
  };
  std::error_code absent;
  for (auto const& entry : fs::directory_iterator(folder / "private", absent))
    if (!reads(entry.path()))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: no task of model.json reads these layers; the files do not belong together",
                              entry.path().string()));
}

}  // namespace

ModelWeights read_model_weights(fs::path const& folder, EncoderConfig const& config, ModelSpec const& spec) {
  ModelWeights weights{.encoder = read_encoder_weights(folder / "encoder", config)};
  for (auto const& head : spec.heads) weights.heads.push_back(read_head(folder, head, config));
  refuse_unread_layers(folder, spec);
  for (auto const reading : spec.private_readings())
    weights.private_layers[reading] = read_private_layers(private_file(folder, reading), config, spec.private_layers);
  return weights;
}

void write_head_weights(fs::path const& folder, std::string const& task, HeadWeights const& head) {
  std::vector<TensorToWrite> tensors{to_write("weight", head.weight), to_write("bias", head.bias)};
  if (head.pooler) {
    tensors.push_back(to_write("pooler.weight", head.pooler->weight));
    tensors.push_back(to_write("pooler.bias", head.pooler->bias));
  }
  write_safetensors(task_folder(folder, task) / "head.safetensors", std::move(tensors));
  if (head.layers.empty()) return;
  std::vector<TensorToWrite> layers;
  for (auto const& [name, tensor] : head.layers) layers.push_back(to_write(name, tensor));
  write_safetensors(private_file(folder, task), std::move(layers));
}

void check_belongs(fs::path const& folder, ModelSpec const& spec, EncoderConfig const& config, std::size_t n_tokens) {
  check_vocabulary(folder / "encoder", config, n_tokens);
  if (static_cast<std::int64_t>(spec.max_length) > config.longest_text())
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: texts are {} tokens long, the encoder has {} positions; model.json and the encoder do "
                            "not belong together",
                            folder.string(), spec.max_length, config.longest_text()));
  if (spec.private_layers > config.num_hidden_layers)
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("{}: {} layers are private, the encoder has {}; model.json and the encoder do not belong together",
                    folder.string(), spec.private_layers, config.num_hidden_layers));
  for (auto const& head : spec.heads)
    if (head.private_layers > config.num_hidden_layers)
      throw Error(
          ErrorCode::InvalidInput,
          fmt::format("{}: task {} has {} layers for itself, the encoder has {}; the task's head and the encoder "
                      "do not belong together",
                      folder.string(), quote(head.task.name), head.private_layers, config.num_hidden_layers));
  for (auto const& head : spec.heads)
    if (head.task.reads_segments() && !config.reads_pairs())
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: task {} reads two texts as one sequence, which needs 2 token types, the encoder has "
                              "{}; the task's head and the encoder do not belong together",
                              folder.string(), quote(head.task.name), config.type_vocab_size));
}

}  // namespace polytask::model
