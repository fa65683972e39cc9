#include "nn/multi_task_model.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/error.h"
#include "model/model_weights.h"
#include "nn/functions.h"
#include "task/task_spec.h"

namespace polytask::nn {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

Tensor index_tensor(std::vector<std::int64_t> const& values, torch::Device device) {
  return torch::tensor(values, torch::kInt64).to(device);
}

std::span<std::byte const> bytes_of(Tensor const& values) {
  return {reinterpret_cast<std::byte const*>(values.data_ptr<float>()),
          static_cast<std::size_t>(values.numel()) * sizeof(float)};
}

std::vector<std::int64_t> first_tokens(std::vector<std::int32_t> const& offsets,
                                       std::vector<std::int64_t> const& texts) {
  std::vector<std::int64_t> first;
  for (auto const text : texts) first.push_back(offsets[static_cast<std::size_t>(text)]);
  return first;
}

/// Mean states u and v of a pair's two texts, [texts, hidden] each.
std::pair<Tensor, Tensor> mean_states(Tensor const& hidden, TextSelection const& texts,
                                      std::vector<std::int64_t> const& pairs) {
  auto const& second_text = texts.second_text();
  expects(second_text.size() + 1 == texts.offsets().size(), "a batch of pairs says where their second texts begin");
  std::vector<std::int32_t> bounds;  // text t of a batch is parts 2t and 2t + 1
  for (std::size_t t = 0; t < second_text.size(); ++t)
    bounds.insert(bounds.end(), {texts.offsets()[t], second_text[t]});
  bounds.push_back(texts.offsets().back());
  std::vector<std::int64_t> first, second;
  for (auto const pair : pairs) {
    first.push_back(2 * pair);
    second.push_back(2 * pair + 1);
  }
  return {mean_pool(hidden, bounds, first), mean_pool(hidden, bounds, second)};
}

/// Of the rows of u and v, on the scale of hidden states: [rows, 1] of -sqrt(hidden)..sqrt(hidden).
Tensor scaled_cosine(Tensor const& u, Tensor const& v) {
  return std::sqrt(static_cast<double>(u.size(1))) * torch::cosine_similarity(u, v, 1, 1e-6).unsqueeze(1);
}

/// Which texts of a batch of `n_texts` some heads look at.
std::vector<bool> texts_of(std::span<HeadInput const> inputs, std::int64_t n_texts) {
  std::vector<bool> chosen(static_cast<std::size_t>(n_texts), false);
  for (auto const& input : inputs)
    for (auto const text : input.texts) chosen[static_cast<std::size_t>(text)] = true;
  return chosen;
}

/// From weights that were checked when they were read.
void load_parameter(Tensor parameter, model::Tensor const& weights) {
  expects(weights.shape == parameter.sizes().vec(), "weights were checked before they are loaded");
  parameter.copy_(torch::from_blob(const_cast<float*>(weights.values.data()), weights.shape, torch::kFloat32));
}

}  // namespace

MultiTaskModelImpl::MultiTaskModelImpl(model::EncoderConfig const& encoder_config, model::ModelSpec spec,
                                       double head_dropout)
    : spec_(std::move(spec)),
      head_dropout_(head_dropout),
      branches_(spec_.branches()),
      n_layers_(encoder_config.num_hidden_layers),
      n_shared_layers_(n_layers_),
      encoder_(encoder_config) {
  for (auto const& branch : branches_)
    n_shared_layers_ = std::min(n_shared_layers_, n_layers_ - spec_.height_of(branch));
  expects(n_shared_layers_ >= 0, "no more layers are private than there are");
  register_module("encoder", encoder_);
  for (auto const& head : spec_.heads)
    heads_->push_back(
        torch::nn::Linear(head.n_inputs(encoder_config.hidden_size), static_cast<std::int64_t>(head.n_outputs())));
  register_module("heads", heads_);
  for (std::size_t i = 0; i < spec_.heads.size(); ++i)
    if (spec_.heads[i].pooler == model::Pooler::Tanh)
      poolers_.emplace(i, register_module(fmt::format("pooler_{}", i),
                                          torch::nn::Linear(encoder_config.hidden_size, encoder_config.hidden_size)));
  for (auto const& branch : branches_) {
    if (branch.n_own_layers == 0) continue;
    torch::nn::ModuleList layers;
    for (auto layer = n_layers_ - branch.n_own_layers; layer < n_layers_; ++layer)
      layers->push_back(Layer(encoder_config, layer));
    if (branch.reading) {
      register_module("private_" + std::string(model::to_string(*branch.reading)), layers);
      private_layers_.emplace(*branch.reading, layers);
    } else {
      register_module(fmt::format("private_task_{}", branch.heads.front()), layers);
      task_layers_.emplace(branch.heads.front(), layers);
    }
  }
}

torch::nn::ModuleList MultiTaskModelImpl::layers_of(model::Branch const& branch) const {
  if (branch.n_own_layers == 0) return {};
  return branch.reading ? private_layers_.at(*branch.reading) : task_layers_.at(branch.heads.front());
}

Tensor MultiTaskModelImpl::top_of(model::Branch const& branch, Tensor hidden,
                                  std::vector<std::int32_t> const& sequences, Tensor const& read, Pass& pass) {
  auto const parts_at = n_layers_ - branch.n_own_layers;
  if (branch.n_own_layers == 0)
    return encoder_->forward_layers(hidden, sequences, n_shared_layers_, parts_at, pass, read);
  hidden = encoder_->forward_layers(hidden, sequences, n_shared_layers_, parts_at, pass);
  auto around = encoder_->surroundings(sequences);
  auto const layers = layers_of(branch);
  for (std::size_t i = 0; i < layers->size(); ++i) {
    if (i + 1 == layers->size()) around.read = read;
    hidden = layers->ptr(i)->as<LayerImpl>()->forward(hidden, around, pass);
  }
  return hidden;
}

ReadRows MultiTaskModelImpl::rows_read(std::span<HeadInput const> inputs, TextSelection const& own,
                                       torch::Device device) const {
  std::vector<std::int64_t> tokens;
  for (auto const& input : inputs) {
    auto const reading = spec_.heads[input.head].reading();
    if (model::answers_tokens(reading)) {
      auto const of_words = own.tokens(input.tokens);
      tokens.insert(tokens.end(), of_words.begin(), of_words.end());
    } else if (model::compares(reading) || spec_.pooling == model::Pooling::Mean) {
      return {};  // every token counts in a mean
    } else {
      auto const of_texts = first_tokens(own.offsets(), own.texts(input.texts));
      tokens.insert(tokens.end(), of_texts.begin(), of_texts.end());
    }
  }
  return {std::move(tokens), own.offsets().back(), device};
}

Tensor MultiTaskModelImpl::pooled_states(std::size_t head, TopStates const& top,
                                         std::vector<std::int64_t> const& texts) const {
  auto const& offsets = top.own.offsets();
  auto const states = spec_.pooling == model::Pooling::Mean
                          ? mean_pool(top.hidden, offsets, texts)
                          : top.hidden.index_select(
                                0, index_tensor(top.read.places(first_tokens(offsets, texts)), top.hidden.device()));
  auto const pooler = poolers_.find(head);
  return pooler == poolers_.end() ? states : torch::tanh(linear(states, *pooler->second));
}

Tensor MultiTaskModelImpl::states_of(HeadInput const& input, TopStates const& top) const {
  auto const& spec = spec_.heads[input.head];
  if (model::answers_tokens(spec.reading()))
    return top.hidden.index_select(0, index_tensor(top.read.places(top.own.tokens(input.tokens)), top.hidden.device()));
  auto const texts = top.own.texts(input.texts);
  if (!model::compares(spec.reading())) return pooled_states(input.head, top, texts);
  auto const [u, v] = mean_states(top.hidden, top.own, texts);
  if (spec.sees_cosine()) return scaled_cosine(u, v);
  return torch::cat({pooled_states(input.head, top, texts), (u - v).abs(), u * v}, 1);
}

std::vector<Tensor> MultiTaskModelImpl::forward(PackedTexts const& texts, std::span<HeadInput const> inputs,
                                                Pass pass) {
  auto const device = (texts.states.defined() ? texts.states : texts.ids).device();
  std::vector<Tensor> logits(inputs.size());
  auto const answer = [&](std::size_t i, TopStates const& top) {
    auto const states = states_of(inputs[i], top);
    auto const rate =
        spec_.heads[inputs[i].head].sees_cosine() ? 0.0 : head_dropout_;  // nothing of one number can be spared
    auto const* head = heads_->ptr(inputs[i].head)->as<torch::nn::LinearImpl>();
    logits[i] = linear(dropout(states, pass.next_dropout(rate)), *head);
  };
  auto const answer_all = [&](model::Branch const& branch, TopStates const& top) {
    for (auto const reading : model::kReadings)
      for (std::size_t i = 0; i < inputs.size(); ++i)
        if (spec_.heads[inputs[i].head].reading() == reading && branch.has(inputs[i].head)) answer(i, top);
  };
  if (n_shared_layers_ == n_layers_) {
    TextSelection const all(texts, std::vector<bool>(static_cast<std::size_t>(texts.n_texts()), true));
    auto const read = rows_read(inputs, all, device);
    TopStates const top{all, read, encoder_->forward_until(texts, n_shared_layers_, pass, read.rows())};
    for (auto const& branch : branches_) answer_all(branch, top);  // one at most
    return logits;
  }
  auto const shared = encoder_->forward_until(texts, n_shared_layers_, pass);
  for (auto const& branch : branches_) {
    std::vector<HeadInput> of_branch;
    std::copy_if(inputs.begin(), inputs.end(), std::back_inserter(of_branch),
                 [&](HeadInput const& input) { return branch.has(input.head); });
    if (of_branch.empty()) continue;
    TextSelection const own(texts, texts_of(of_branch, texts.n_texts()));
    auto const read = rows_read(of_branch, own, device);
    TopStates const top{own, read, top_of(branch, own.of(shared), own.sequences(), read.rows(), pass)};
    answer_all(branch, top);
  }
  return logits;
}

void MultiTaskModelImpl::initialize_tasks(Rng& rng) {
  torch::NoGradGuard const no_grad;
  for (auto const& module : *heads_) {
    auto* head = module->as<torch::nn::LinearImpl>();
    fill_normal(head->weight, encoder_->config().initializer_range, rng);
    head->bias.zero_();
  }
  for (auto& [head, pooler] : poolers_) {
    fill_normal(pooler->weight, encoder_->config().initializer_range, rng);
    pooler->bias.zero_();
  }
  for (auto const& branch : branches_) {
    auto const layers = layers_of(branch);
    for (std::size_t i = 0; i < layers->size(); ++i) {
      auto const pretrained =
          encoder_->layer(n_layers_ - branch.n_own_layers + static_cast<std::int64_t>(i))->named_parameters();
      for (auto& parameter : layers->ptr(i)->named_parameters()) parameter.value().copy_(pretrained[parameter.key()]);
    }
  }
}

std::vector<std::string> MultiTaskModelImpl::own_parameters(std::size_t head) const {
  std::vector<std::string> own{fmt::format("heads.{}.", head), fmt::format("pooler_{}.", head)};
  for (auto const& branch : branches_) {
    if (branch.heads != std::vector{head}) continue;
    if (branch.n_own_layers > 0)
      own.push_back(branch.reading ? fmt::format("private_{}.", model::to_string(*branch.reading))
                                   : fmt::format("private_task_{}.", head));
    for (auto layer = n_layers_ - spec_.height_of(branch); branch.n_own_layers == 0 && layer < n_layers_; ++layer)
      own.push_back(fmt::format("encoder.encoder.layer.{}.", layer));
  }
  return own;
}

void MultiTaskModelImpl::set_line(std::size_t head, double slope, double intercept) {
  torch::NoGradGuard const no_grad;
  auto* line = heads_->ptr(head)->as<torch::nn::LinearImpl>();
  expects(line->weight.numel() == 1, "only a head that sees one number is a line");
  line->weight.fill_(slope);
  line->bias.fill_(intercept);
}

void MultiTaskModelImpl::save(fs::path const& model_folder) const {
  auto const encoder_folder = model_folder / "encoder";
  model::write_encoder_config(encoder_folder, encoder_->config());
  model::write_encoder_weights(encoder_folder, encoder_->config(), encoder_->save());
  for (std::size_t i = 0; i < spec_.heads.size(); ++i) {
    std::vector<model::TensorToWrite> tensors;
    std::vector<Tensor> kept;  // the bytes must outlive the call
    auto const add = [&](std::string const& name, Tensor const& values) {
      kept.push_back(values.detach().to(torch::kCPU).contiguous());
      tensors.push_back({name, model::DType::F32, kept.back().sizes().vec(), bytes_of(kept.back())});
    };
    auto const* head = heads_->ptr(i)->as<torch::nn::LinearImpl>();
    add("weight", head->weight);
    add("bias", head->bias);
    if (auto const pooler = poolers_.find(i); pooler != poolers_.end()) {
      add("pooler.weight", pooler->second->weight);
      add("pooler.bias", pooler->second->bias);
    }
    model::write_safetensors(model::task_folder(model_folder, spec_.heads[i].task.name) / "head.safetensors",
                             std::move(tensors));
  }
  for (auto const& [reading, layers] : private_layers_)
    write_layers(model::private_file(model_folder, reading), layers);
  for (auto const& [head, layers] : task_layers_)
    write_layers(model::private_file(model_folder, spec_.heads[head].task.name), layers);
  model::write_model_spec(model_folder, spec_);
}

void MultiTaskModelImpl::write_layers(fs::path const& path, torch::nn::ModuleList const& layers) const {
  std::vector<model::TensorToWrite> tensors;
  std::vector<Tensor> kept;  // the bytes must outlive the call
  for (auto const& parameter : layers->named_parameters()) {
    kept.push_back(parameter.value().detach().to(torch::kCPU).contiguous());
    tensors.push_back({published_name(layers->size(), parameter.key()), model::DType::F32, kept.back().sizes().vec(),
                       bytes_of(kept.back())});
  }
  model::write_safetensors(path, std::move(tensors));
}

std::string MultiTaskModelImpl::published_name(std::size_t n_layers, std::string const& parameter) const {
  auto const dot = parameter.find('.');
  return fmt::format("encoder.layer.{}{}",
                     n_layers_ - static_cast<std::int64_t>(n_layers) + std::stoll(parameter.substr(0, dot)),
                     parameter.substr(dot));
}

void MultiTaskModelImpl::load_layers(torch::nn::ModuleList const& layers,
                                     std::map<std::string, model::Tensor> const& weights) const {
  for (auto& parameter : layers->named_parameters())
    load_parameter(parameter.value(), weights.at(published_name(layers->size(), parameter.key())));
}

void MultiTaskModelImpl::load(fs::path const& model_folder) {
  torch::NoGradGuard const no_grad;
  auto const weights = model::read_model_weights(model_folder, encoder_->config(), spec_);
  encoder_->load(weights.encoder);
  for (std::size_t i = 0; i < spec_.heads.size(); ++i) {
    auto* head = heads_->ptr(i)->as<torch::nn::LinearImpl>();
    load_parameter(head->weight, weights.heads[i].weight);
    load_parameter(head->bias, weights.heads[i].bias);
    if (auto const pooler = poolers_.find(i); pooler != poolers_.end()) {
      load_parameter(pooler->second->weight, weights.heads[i].pooler.value().weight);
      load_parameter(pooler->second->bias, weights.heads[i].pooler->bias);
    }
  }
  for (auto const& [reading, layers] : private_layers_) load_layers(layers, weights.private_layers.at(reading));
  for (auto const& [head, layers] : task_layers_) load_layers(layers, weights.heads[head].layers);
}

}  // namespace polytask::nn
