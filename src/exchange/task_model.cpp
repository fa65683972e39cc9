#include "exchange/task_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/nearest.h"
#include "exchange/internal/new_folders.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;

std::size_t index_of(model::ModelSpec const& spec, std::string const& task, fs::path const& folder) {
  auto const names = spec.task_names();
  if (task.empty() && names.size() == 1) return 0;
  if (task.empty())
    throw Error(ErrorCode::InvalidUsage, fmt::format("{}: has {} tasks ({}); say with --task which one is wanted",
                                                     folder.string(), names.size(), fmt::join(names, ", ")));
  if (auto const index = spec.find(task)) return *index;
  throw Error(ErrorCode::NotFound,
              fmt::format("{}: has no task {}{}", folder.string(), quote(task), did_you_mean(task, names)));
}

}  // namespace

TaskModel read_task_model(fs::path const& model_folder, std::string const& task) {
  auto spec = model::read_model_spec(model_folder);
  auto const index = index_of(spec, task, model_folder);
  auto const encoder = model_folder / "encoder";
  TaskModel one{.tokenizer = text::load_tokenizer(encoder),
                .config = model::read_encoder_config(encoder),
                .pooling = spec.pooling,
                .max_length = spec.max_length,
                .source = model_folder};
  model::check_belongs(model_folder, spec, one.config, one.tokenizer->vocabulary_size());
  auto weights = model::read_model_weights(model_folder, one.config, spec);
  one.encoder = std::move(weights.encoder);
  one.head = std::move(spec.heads[index]);
  one.weights = std::move(weights.heads[index]);
  auto own = std::move(one.weights.layers);
  one.weights.layers.clear();
  if (one.head.private_layers == 0) own = std::move(weights.private_layers[one.head.reading()]);
  one.head.private_layers = 0;
  for (auto& [name, tensor] : own) one.encoder.at(name) = std::move(tensor);
  return one;
}

void write_task_model(TaskModel const& model, fs::path const& model_folder) {
  auto const encoder = model_folder / "encoder";
  model::write_encoder_config(encoder, model.config);
  model::write_encoder_weights(encoder, model.config, model.encoder);
  model.tokenizer->save(encoder);
  model::write_head_weights(model_folder, model.head.task.name, model.weights);
  model::write_model_spec(model_folder,
                          {.pooling = model.pooling, .max_length = model.max_length, .heads = {model.head}});
}

model::WrittenPackage write_task_package(TaskModel const& model, fs::path const& folder, std::string const& polytask) {
  return write_imported_package(folder, model.source, polytask,
                                [&](fs::path const& scratch) { write_task_model(model, scratch); });
}

}  // namespace polytask::exchange
