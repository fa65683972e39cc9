#include "nn/multi_task_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include "base/error.h"
#include "nn/functions.h"
#include "task/task_spec.h"

namespace polytask::nn {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

Tensor index_tensor(std::vector<std::int64_t> const& values, torch::Device device) {
  return torch::tensor(values, torch::kInt64).to(device);
}

fs::path head_path(fs::path const& model_folder, std::string const& task) {
  return model_folder / "tasks" / (model::head_file_name(task) + ".safetensors");
}

std::span<std::byte const> bytes_of(Tensor const& values) {
  return {reinterpret_cast<std::byte const*>(values.data_ptr<float>()), static_cast<std::size_t>(values.numel()) * sizeof(float)};
}

Tensor pooled(Tensor const& hidden, std::vector<std::int32_t> const& offsets, std::vector<std::int64_t> const& texts, model::Pooling pooling) {
  if (pooling == model::Pooling::Mean) return mean_pool(hidden, offsets, texts);
  std::vector<std::int64_t> first;
  for (auto const text : texts) first.push_back(offsets[static_cast<std::size_t>(text)]);
  return hidden.index_select(0, index_tensor(first, hidden.device()));
}

/// [|u - v|, u * v] of the mean states u and v of a pair's two texts: [texts, 2 * hidden].
Tensor comparison(Tensor const& hidden, PackedTexts const& texts, std::vector<std::int64_t> const& pairs) {
  expects(std::ssize(texts.second_text) == texts.n_texts(), "a batch of pairs says where their second texts begin");
  std::vector<std::int32_t> bounds;  // text t of a batch is parts 2t and 2t + 1
  for (std::size_t t = 0; t < texts.second_text.size(); ++t) bounds.insert(bounds.end(), {texts.offsets[t], texts.second_text[t]});
  bounds.push_back(texts.offsets.back());
  std::vector<std::int64_t> first, second;
  for (auto const pair : pairs) {
    first.push_back(2 * pair);
    second.push_back(2 * pair + 1);
  }
  auto const u = mean_pool(hidden, bounds, first);
  auto const v = mean_pool(hidden, bounds, second);
  return torch::cat({(u - v).abs(), u * v}, 1);
}

void load_parameter(Tensor parameter, model::SafetensorsFile const& file, std::string const& name, fs::path const& path) {
  auto const found = file.tensors().find(name);
  auto const expected = parameter.sizes().vec();
  if (found == file.tensors().end())
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: has no tensor {}; the head's file is incomplete", path.string(), quote(name)));
  if (found->second.shape != expected)
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: tensor {} has shape [{}], expected [{}]; head and label set do not fit one another",
                                                     path.string(), quote(name), fmt::join(found->second.shape, ", "), fmt::join(expected, ", ")));
  auto const values = found->second.to_floats();
  parameter.copy_(torch::from_blob(const_cast<float*>(values.data()), expected, torch::kFloat32));
  if (!torch::isfinite(parameter).all().item<bool>())
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: tensor {} holds values that are not finite numbers", path.string(), quote(name)));
}

}  // namespace

MultiTaskModelImpl::MultiTaskModelImpl(model::EncoderConfig const& encoder_config, model::ModelSpec spec, double head_dropout)
    : spec_(std::move(spec)), head_dropout_(head_dropout), encoder_(encoder_config) {
  register_module("encoder", encoder_);
  for (auto const& head : spec_.heads)
    heads_->push_back(torch::nn::Linear(head.n_inputs(encoder_config.hidden_size), static_cast<std::int64_t>(head.n_outputs())));
  register_module("heads", heads_);
}

std::vector<Tensor> MultiTaskModelImpl::forward(PackedTexts const& texts, std::span<HeadInput const> inputs, DropoutSites sites) {
  auto const hidden = encoder_->forward(texts, sites);
  std::vector<Tensor> logits;
  for (auto const& input : inputs) {
    auto const& spec = spec_.heads[input.head];
    auto states = spec.task.type == task::TaskType::Tagging ? hidden.index_select(0, index_tensor(input.tokens, hidden.device()))
                                                            : pooled(hidden, texts.offsets, input.texts, spec_.pooling);
    if (spec.compares_pair()) states = torch::cat({states, comparison(hidden, texts, input.texts)}, 1);
    auto const* head = heads_->ptr(input.head)->as<torch::nn::LinearImpl>();
    logits.push_back(linear(dropout(states, sites.next(head_dropout_)), *head));
  }
  return logits;
}

void MultiTaskModelImpl::initialize_heads(Rng& rng) {
  torch::NoGradGuard const no_grad;
  for (auto const& module : *heads_) {
    auto* head = module->as<torch::nn::LinearImpl>();
    fill_normal(head->weight, encoder_->config().initializer_range, rng);
    head->bias.zero_();
  }
}

void MultiTaskModelImpl::save(fs::path const& model_folder) const {
  auto const encoder_folder = model_folder / "encoder";
  model::write_encoder_config(encoder_folder, encoder_->config());
  model::write_encoder_weights(encoder_folder, encoder_->save());
  for (std::size_t i = 0; i < spec_.heads.size(); ++i) {
    auto const* head = heads_->ptr(i)->as<torch::nn::LinearImpl>();
    auto const weight = head->weight.detach().to(torch::kCPU).contiguous();
    auto const bias = head->bias.detach().to(torch::kCPU).contiguous();
    model::write_safetensors(head_path(model_folder, spec_.heads[i].task.name),
                             {{"weight", model::DType::F32, weight.sizes().vec(), bytes_of(weight)},
                              {"bias", model::DType::F32, bias.sizes().vec(), bytes_of(bias)}});
  }
  model::write_model_spec(model_folder, spec_);
}

void MultiTaskModelImpl::load(fs::path const& model_folder) {
  torch::NoGradGuard const no_grad;
  encoder_->load(model::read_encoder_weights(model_folder / "encoder", encoder_->config()));
  for (std::size_t i = 0; i < spec_.heads.size(); ++i) {
    auto const path = head_path(model_folder, spec_.heads[i].task.name);
    auto const file = model::SafetensorsFile::open(path);
    auto* head = heads_->ptr(i)->as<torch::nn::LinearImpl>();
    load_parameter(head->weight, file, "weight", path);
    load_parameter(head->bias, file, "bias", path);
  }
}

}  // namespace polytask::nn
