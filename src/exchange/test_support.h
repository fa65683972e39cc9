// What the room's tests share: small random models with one task, and folders that are changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "exchange/task_model.h"
#include "model/test_support.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::exchange::test_support {

using model::test_support::TemporaryFolder;

inline model::HeadSpec head_of(task::TaskType type, std::vector<std::string> labels,
                               std::vector<std::string> text = {"body"}) {
  model::HeadSpec head;
  head.task = {.name = "kind",
               .type = type,
               .datasets = {"tickets"},
               .text = std::move(text),
               .metric = task::default_metric(type),
               .owner = "somebody"};
  (type == task::TaskType::Tagging ? head.task.spans : head.task.label) = "column";
  head.labels = task::LabelSet(std::move(labels));
  if (type == task::TaskType::Regression) head.target_offset = 300, head.target_scale = 12.5;
  if (type == task::TaskType::Multilabel) head.threshold = 0.25;
  if (type == task::TaskType::Classification) head.temperature = 1.75;
  return head;
}

inline model::Tensor random_tensor(Rng& rng, std::vector<std::int64_t> const& shape, double mean = 0) {
  std::size_t n = 1;
  for (auto const size : shape) n *= static_cast<std::size_t>(size);
  model::Tensor tensor{shape, std::vector<float>(n)};
  for (auto& value : tensor.values) value = static_cast<float>(mean + 0.3 * rng.normal());
  return tensor;
}

/// 2 layers of 8, of random weights that the seed says.
inline TaskModel model_of(model::HeadSpec head, model::Pooling pooling = model::Pooling::First,
                          std::uint64_t seed = 1) {
  std::vector<std::string> vocabulary{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (char c = 'a'; c <= 'z'; ++c) vocabulary.push_back({c}), vocabulary.push_back(std::string("##") + c);
  Rng rng(seed);
  TaskModel model;
  model.config = {.vocab_size = static_cast<std::int64_t>(vocabulary.size()),
                  .hidden_size = 8,
                  .num_hidden_layers = 2,
                  .num_attention_heads = 2,
                  .intermediate_size = 12,
                  .max_position_embeddings = 40};
  model.tokenizer = text::make_wordpiece(std::move(vocabulary), {}, "test").value();
  for (auto const& [name, shape] : model::expected_encoder_tensors(model.config))
    model.encoder[name] = random_tensor(rng, shape, name.ends_with("LayerNorm.weight") ? 1.0 : 0.0);
  model.pooling = pooling;
  model.max_length = 24;
  auto const n = static_cast<std::int64_t>(head.n_outputs());
  model.weights = {random_tensor(rng, {n, head.n_inputs(8)}), random_tensor(rng, {n}), std::nullopt};
  if (head.pooler == model::Pooler::Tanh) model.weights.pooler = {random_tensor(rng, {8, 8}), random_tensor(rng, {8})};
  model.head = std::move(head);
  return model;
}

/// A pair's head that sees the pooled state alone.
inline TaskModel without_differences(TaskModel model) {
  for (std::size_t i = 0; i < model.weights.weight.values.size(); ++i)
    if (i % 24 >= 8) model.weights.weight.values[i] = 0;
  return model;
}

/// Rewrites a JSON file.
inline void edit(std::filesystem::path const& path, std::function<void(OrderedJson&)> const& change) {
  auto json = OrderedJson::parse(read_file(path));
  change(json);
  write_file_atomically(path, json.dump(2));
}

/// Rewrites the tensors of a safetensors file.
inline void edit_tensors(std::filesystem::path const& path,
                         std::function<void(std::map<std::string, model::Tensor>&)> const& change) {
  std::map<std::string, model::Tensor> tensors;
  {
    auto const file = model::SafetensorsFile::open(path);
    for (auto const& [name, view] : file.tensors()) tensors[name] = {view.shape, view.to_floats()};
  }
  change(tensors);
  model::test_support::write_tensors(path, tensors);
}

}  // namespace polytask::exchange::test_support
