#include "exchange/onnx_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest.h"
#include "exchange/internal/new_folders.h"
#include "model/new_folder.h"
#include "text/tokenizer.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;

constexpr auto kFile = "model.onnx";
constexpr std::uintmax_t kLargest = (std::uintmax_t{1} << 31) - 1;  // of any ONNX file

/// Places of the tasks among the heads, in the model's order; all where none is named.
std::set<std::size_t> chosen(model::ModelSpec const& spec, std::vector<std::string> const& tasks,
                             fs::path const& folder) {
  std::set<std::size_t> heads;
  for (auto const& task : tasks) {
    auto const index = spec.find(task);
    if (!index)
      throw Error(ErrorCode::NotFound, fmt::format("{}: has no task {}{}", folder.string(), quote(task),
                                                   did_you_mean(task, spec.task_names())));
    heads.insert(*index);
  }
  for (std::size_t i = 0; tasks.empty() && i < spec.heads.size(); ++i) heads.insert(i);
  return heads;
}

/// The model with these heads alone, and the private layers that they read.
model::ModelSpec with_heads(model::ModelSpec spec, std::set<std::size_t> const& kept) {
  auto const all = spec.readings();
  if (!all.empty() && !spec.encoder_reading) spec.encoder_reading = all.front();  // whoever is left
  std::vector<model::HeadSpec> heads;
  for (auto const i : kept) heads.push_back(std::move(spec.heads[i]));
  spec.heads = std::move(heads);
  return spec;
}

/// As a model folder, but for the tokenizer.
void write_model(OnnxModel const& model, fs::path const& folder) {
  model::write_encoder_config(folder / "encoder", model.config);
  model::write_encoder_weights(folder / "encoder", model.config, model.weights.encoder);
  for (auto const& [reading, layers] : model.weights.private_layers) {
    std::vector<model::TensorToWrite> tensors;
    for (auto const& [name, tensor] : layers) tensors.push_back(model::to_write(name, tensor));
    model::write_safetensors(model::private_file(folder, reading), std::move(tensors));
  }
  for (std::size_t i = 0; i < model.spec.heads.size(); ++i)
    model::write_head_weights(folder, model.spec.heads[i].task.name, model.weights.heads[i]);
  model::write_model_spec(folder, model.spec);
}

}  // namespace

OnnxModel read_onnx_model(fs::path const& model_folder, std::vector<std::string> const& tasks) {
  auto const whole = model::read_model_spec(model_folder);
  auto const kept = chosen(whole, tasks, model_folder);
  OnnxModel model{.config = model::read_encoder_config(model_folder / "encoder"), .spec = with_heads(whole, kept)};
  model::check_belongs(model_folder, whole, model.config, 0);  // of the tokenizer nothing is known here
  check_fits_onnx(model.config, model.spec, model_folder.string());
  auto weights = model::read_model_weights(model_folder, model.config, whole);
  model.weights.encoder = std::move(weights.encoder);
  for (auto const reading : model.spec.private_readings())
    model.weights.private_layers[reading] = std::move(weights.private_layers.at(reading));
  for (auto const i : kept) model.weights.heads.push_back(std::move(weights.heads[i]));
  return model;
}

std::map<std::string, std::string> export_onnx(fs::path const& model_folder, std::vector<std::string> const& tasks,
                                               fs::path const& folder, std::string const& polytask) {
  auto const target = exported_folder(folder, model_folder);
  auto const tokenizer = text::load_tokenizer(model_folder / "encoder");
  auto model = read_onnx_model(model_folder, tasks);
  model::check_vocabulary(model_folder / "encoder", model.config, tokenizer->vocabulary_size());
  std::map<std::string, std::string> outputs;
  for (auto const& head : model.spec.heads) outputs[head.task.name] = onnx_output(head);
  model::NewFolder unfinished(target);
  model::write_encoder_config(unfinished.path(), model.config);
  tokenizer->save(unfinished.path());
  write_file_atomically(unfinished.path() / kFile, onnx_bytes(std::move(model), polytask, model_folder.string()));
  unfinished.commit();
  return outputs;
}

bool is_onnx_folder(fs::path const& folder) {
  return is_there(folder / kFile) && !is_there(folder / "model.safetensors") &&
         !is_there(folder / "model.safetensors.index.json");
}

model::WrittenPackage import_onnx(fs::path const& folder, fs::path const& package, std::string const& polytask) {
  auto const path = folder / kFile;
  auto model = parse_onnx(read_file(path, kLargest), path.string());
  auto const tokenizer = text::load_tokenizer(folder);
  model::check_vocabulary(folder, model.config, tokenizer->vocabulary_size());
  return write_imported_package(package, folder, polytask, [&](fs::path const& scratch) {
    write_model(model, scratch);
    model.weights = {};  // from here on they are read from the disk again, to be checked
    tokenizer->save(scratch / "encoder");
  });
}

}  // namespace polytask::exchange
