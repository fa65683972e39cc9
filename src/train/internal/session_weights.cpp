// What a session has learned, as files: all of it, or one task's part.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>

#include "base/error.h"
#include "model/safetensors.h"
#include "train/internal/parameter_tensors.h"
#include "train/internal/session.h"

namespace polytask::train {
namespace {

namespace fs = std::filesystem;

/// Beside the weights of the whole, whatever the task is called.
fs::path file_of_task(fs::path const& folder, std::string const& task) {
  return folder / "tasks" / (model::head_file_name(task) + ".safetensors");
}

}  // namespace

bool Session::learns_apart(std::size_t head) const {
  auto const n_layers = prepared_.encoder_config.num_hidden_layers;
  if (config_.frozen_layers == n_layers) return true;  // heads alone are trained
  auto const branches = prepared_.spec.branches();
  return std::any_of(branches.begin(), branches.end(), [&](model::Branch const& branch) {
    return branch.heads == std::vector{head} && config_.frozen_layers >= n_layers - prepared_.spec.height_of(branch);
  });
}

std::function<bool(std::string const&)> Session::parameters_of(std::size_t head) const {
  expects(learns_apart(head), "only a task that learns apart has weights of its own");
  return [prefixes = model_->own_parameters(head)](std::string const& name) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](auto const& prefix) { return name.starts_with(prefix); });
  };
}

void Session::save_task(fs::path const& folder, std::size_t head) {
  auto const path = file_of_task(folder, prepared_.spec.heads[head].task.name);
  fs::create_directories(path.parent_path());
  save_parameters(path, parameters_of(head));
}

void Session::load_task(fs::path const& folder, std::size_t head) {
  load_parameters(file_of_task(folder, prepared_.spec.heads[head].task.name), parameters_of(head));
}

void Session::save_weights(fs::path const& folder) {
  save_parameters(folder / "weights.safetensors", [](auto const&) { return true; });
}

void Session::load_weights(fs::path const& folder) {
  load_parameters(folder / "weights.safetensors", [](auto const&) { return true; });
}

void Session::save_parameters(fs::path const& path, std::function<bool(std::string const&)> const& chosen) {
  optimizer_->catch_up_all();
  std::vector<model::TensorToWrite> tensors;
  std::vector<torch::Tensor> kept;  // the bytes must outlive the call
  for (auto const& parameter : optimizer_->parameters()) {
    if (!chosen(parameter.name)) continue;
    kept.push_back(parameter.weight.detach().to(torch::kCPU).contiguous());
    auto const& values = kept.back();
    tensors.push_back({parameter.name,
                       model::DType::F32,
                       values.sizes().vec(),
                       {reinterpret_cast<std::byte const*>(values.data_ptr<float>()),
                        static_cast<std::size_t>(values.numel()) * sizeof(float)}});
  }
  model::write_safetensors(path, std::move(tensors));
}

void Session::load_parameters(fs::path const& path, std::function<bool(std::string const&)> const& chosen) {
  auto const file = model::SafetensorsFile::open(path);
  NamedTensors tensors;
  for (auto const& [name, view] : file.tensors()) tensors[name] = {view.shape, view.to_floats()};
  try {
    optimizer_->catch_up_all();  // or what rows have missed would move these weights later
    for (auto& parameter : optimizer_->parameters())
      if (chosen(parameter.name)) from_tensor(parameter.weight, tensors, parameter.name);
  } catch (Error const& error) {
    throw Error(ErrorCode::Corrupt,
                fmt::format("{}: the selected weights are not of this run ({}); train it again under a new name",
                            path.string(), error.what()));
  }
}

}  // namespace polytask::train
