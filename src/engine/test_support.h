// What tests of answers share: a package of a small random model with a task of every kind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "model/encoder_files.h"
#include "model/model_folder.h"
#include "model/package_contents.h"
#include "model/test_support.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::engine::test_support {

using model::test_support::TemporaryFolder;

inline model::HeadSpec head_of(std::string const& name, task::TaskType type, std::vector<std::string> labels,
                               std::vector<std::string> text) {
  model::HeadSpec head;
  head.task = {.name = name, .type = type, .datasets = {"d"}, .text = std::move(text), .label = "l"};
  head.task.metric = task::default_metric(type);
  head.labels = task::LabelSet(std::move(labels));
  return head;
}

/// Tasks over one text of three columns, one of them words; over a pair as one sequence, and encoded apart.
inline std::vector<model::HeadSpec> every_kind_of_head() {
  using task::TaskType;
  std::vector<std::string> const pair{"left", "right"};
  auto urgency = head_of("urgency", TaskType::Regression, {}, {"body"});
  urgency.target_offset = 300;
  urgency.target_scale = 12.5;
  return {head_of("intent", TaskType::Classification, {"order", "zurück", "track"}, {"body"}),
          head_of("title kind", TaskType::Classification, {"long", "short"}, {"title"}),
          urgency,
          head_of("same", TaskType::Classification, {"no", "yes"}, pair),
          head_of("topics", TaskType::Multilabel, {"lamp", "chair"}, {"body"}),
          head_of("products", TaskType::Tagging, {"PRODUCT", "COLOUR"}, {"body"}),
          head_of("near", TaskType::Regression, {}, pair),
          head_of("places", TaskType::Tagging, {"PLACE"}, {})};
}

struct SampleShape {
  model::Pooling pooling = model::Pooling::Mean;
  std::int64_t private_layers = 1;
  std::string activation = "gelu";
};

class RandomModel {
 public:
  explicit RandomModel(std::uint64_t seed) : rng_(seed) {}

  /// A model folder: 2 layers of 32, the upper ones private to each reading.
  void write(std::filesystem::path const& folder, std::vector<model::HeadSpec> heads, SampleShape const& shape = {}) {
    std::vector<std::string> vocabulary{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "please", "lamp", "osaka"};
    for (char c = 'a'; c <= 'z'; ++c) vocabulary.push_back({c}), vocabulary.push_back(std::string("##") + c);
    model::EncoderConfig config;
    config.vocab_size = static_cast<std::int64_t>(vocabulary.size());
    config.hidden_size = 32;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 64;
    config.max_position_embeddings = 64;
    config.hidden_act = shape.activation;
    model::ModelSpec spec{
        .pooling = shape.pooling, .max_length = 64, .private_layers = shape.private_layers, .heads = std::move(heads)};
    if (spec.private_layers > 0 && !spec.readings().empty()) spec.encoder_reading = spec.readings().front();
    model::write_encoder_config(folder / "encoder", config);
    text::make_wordpiece(std::move(vocabulary), {}, "test").value()->save(folder / "encoder");
    std::map<std::string, model::Tensor> encoder;
    for (auto const& [name, sizes] : model::expected_encoder_tensors(config)) encoder[name] = tensor(name, sizes);
    model::write_encoder_weights(folder / "encoder", config, encoder);
    for (auto const reading : spec.private_readings()) {
      std::map<std::string, model::Tensor> layer;
      for (auto const& [name, tensor_of_encoder] : encoder)
        if (name.starts_with("encoder.layer.1.") || (shape.private_layers == 2 && name.starts_with("encoder.layer.0.")))
          layer[name] = tensor(name, tensor_of_encoder.shape);
      model::test_support::write_tensors(model::private_file(folder, reading), layer);
    }
    for (auto const& head : spec.heads) {
      auto const n = static_cast<std::int64_t>(head.n_outputs());
      auto const hidden = config.hidden_size;
      std::map<std::string, model::Tensor> tensors{{"weight", tensor("weight", {n, head.n_inputs(hidden)})},
                                                   {"bias", tensor("bias", {n})}};
      if (head.pooler == model::Pooler::Tanh)
        tensors.insert(
            {{"pooler.weight", tensor("weight", {hidden, hidden})}, {"pooler.bias", tensor("bias", {hidden})}});
      model::test_support::write_tensors(model::task_folder(folder, head.task.name) / "head.safetensors", tensors);
      std::map<std::string, model::Tensor> layers;
      for (auto const& [name, tensor_of_encoder] : encoder)
        for (auto layer = 2 - head.private_layers; layer < 2; ++layer)
          if (name.starts_with("encoder.layer." + std::to_string(layer) + "."))
            layers[name] = tensor(name, tensor_of_encoder.shape);
      if (!layers.empty()) model::test_support::write_tensors(model::private_file(folder, head.task.name), layers);
    }
    model::write_model_spec(folder, spec);
  }

 private:
  model::Tensor tensor(std::string const& name, std::vector<std::int64_t> const& shape) {
    std::size_t n = 1;
    for (auto const size : shape) n *= static_cast<std::size_t>(size);
    model::Tensor made{shape, std::vector<float>(n)};
    bool const scales = name.ends_with("LayerNorm.weight");
    for (auto& value : made.values) value = static_cast<float>((scales ? 1.0 : 0.0) + 0.3 * rng_.normal());
    return made;
  }

  Rng rng_;
};

/// The same with tasks over a context behind a question, whose windows move by half of their room, and by five tokens.
inline std::vector<model::HeadSpec> every_kind_of_head_and_spans() {
  auto heads = every_kind_of_head();
  for (auto const& [name, stride] : {std::pair{"ask", 0}, std::pair{"ask closely", 5}}) {
    heads.push_back(head_of(name, task::TaskType::Span, {}, {"question", "context"}));
    if (stride > 0) heads.back().task.stride = stride;
    heads.back().null_threshold = 0.25;
  }
  return heads;
}

/// The same with tasks over choices, of one column and of several.
inline std::vector<model::HeadSpec> every_kind_of_head_and_choices() {
  auto heads = every_kind_of_head_and_spans();
  for (auto const& [name, choices] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"pick", {"choices"}}, {"pick calmly", {"a", "b", "c"}}}) {
    heads.push_back(head_of(name, task::TaskType::MultipleChoice, {}, {"question"}));
    heads.back().task.choices = choices;
  }
  heads.back().temperature = 2.5;
  return heads;
}

/// The first kinds of heads, some with a pooler before them, and two over choices, with and without one.
inline std::vector<model::HeadSpec> every_kind_of_head_and_poolers() {
  auto heads = every_kind_of_head();
  for (auto const& [name, text] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"tone", {"body"}}, {"follows", {"left", "right"}}}) {
    heads.push_back(head_of(name, task::TaskType::Classification, {"a", "b", "c"}, text));
    heads.back().pooler = model::Pooler::Tanh;
  }
  for (auto const* name : {"pick", "choose"}) {
    heads.push_back(head_of(name, task::TaskType::MultipleChoice, {}, {"question"}));
    heads.back().task.choices = {"choices"};
  }
  heads.back().pooler = model::Pooler::Tanh;
  return heads;
}

/// A package under `folder`, made by way of a model folder beside it.
inline void write_sample_package(std::filesystem::path const& folder,
                                 std::vector<model::HeadSpec> heads = every_kind_of_head(),
                                 SampleShape const& shape = {}) {
  auto const model_folder = folder.string() + "-model";
  RandomModel(7).write(model_folder, std::move(heads), shape);
  auto contents = model::contents_of_model(model_folder, [](model::HeadSpec const&) { return model::TaskOrigin{}; });
  contents.manifest.polytask = "0.1.0";
  model::write_package(contents, folder, "test");
  std::filesystem::remove_all(model_folder);
}

}  // namespace polytask::engine::test_support
