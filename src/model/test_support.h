// What the room's tests share: a whole model folder that is small enough to be written for each of them.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "model/encoder_files.h"
#include "model/model_folder.h"

namespace polytask::model::test_support {

/// Gone at the end, with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<int> n = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("polytask_model_test_" + std::to_string(::getpid()) + "_" + std::to_string(n++));
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(TemporaryFolder const&) = delete;
  TemporaryFolder& operator=(TemporaryFolder const&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::filesystem::path operator/(std::string const& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline EncoderConfig two_layers() {
  EncoderConfig config;
  config.vocab_size = 3;
  config.hidden_size = 4;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.intermediate_size = 6;
  config.max_position_embeddings = 16;
  return config;
}

inline Tensor filled(std::vector<std::int64_t> const& shape, float value) {
  std::size_t n = 1;
  for (auto const size : shape) n *= static_cast<std::size_t>(size);
  return {shape, std::vector<float>(n, value)};
}

inline void write_tensors(std::filesystem::path const& path, std::map<std::string, Tensor> const& tensors) {
  std::vector<TensorToWrite> bytes;
  for (auto const& [name, tensor] : tensors) bytes.push_back(to_write(name, tensor));
  write_safetensors(path, std::move(bytes));
}

inline HeadSpec head_of(std::string const& name, task::TaskType type, std::vector<std::string> labels) {
  HeadSpec head;
  head.task = {.name = name,
               .type = type,
               .datasets = {"tickets"},
               .text = {"body"},
               .label = "label",
               .metric = task::default_metric(type)};
  head.labels = task::LabelSet(std::move(labels));
  return head;
}

/// A classification of texts in 3 labels.
inline HeadSpec intent() { return head_of("intent", task::TaskType::Classification, {"a", "b", "c"}); }
/// A tagging of their words, under a name that no folder can have.
inline HeadSpec things() { return head_of("Things & more", task::TaskType::Tagging, {"THING"}); }

/// What a sample model is filled with: two of equal values are equal.
struct SampleValues {
  float encoder = 0.5F;
  float private_layers = 0.25F;
  float heads = 1.0F;
};

inline void write_head(std::filesystem::path const& folder, HeadSpec const& head, float value) {
  auto const n = static_cast<std::int64_t>(head.n_outputs());
  std::map<std::string, Tensor> tensors{{"weight", filled({n, head.n_inputs(4)}, value)}, {"bias", filled({n}, value)}};
  if (head.pooler == Pooler::Tanh)
    tensors.insert({{"pooler.weight", filled({4, 4}, value)}, {"pooler.bias", filled({4}, value)}});
  write_tensors(task_folder(folder, head.task.name) / "head.safetensors", tensors);
  std::map<std::string, Tensor> layers;
  for (auto const& [name, shape] : expected_encoder_tensors(two_layers()))
    for (auto layer = 2 - head.private_layers; layer < 2; ++layer)
      if (name.starts_with("encoder.layer." + std::to_string(layer) + ".")) layers[name] = filled(shape, value);
  if (!layers.empty()) write_tensors(private_file(folder, head.task.name), layers);
}

/// One private layer, and the heads given. There is a file for a tokenizer and no tokenizer in it.
inline ModelSpec write_sample_model(std::filesystem::path const& folder,
                                    std::vector<HeadSpec> heads = {intent(), things()},
                                    SampleValues const& values = {}) {
  ModelSpec const spec{
      .max_length = 16, .private_layers = 1, .heads = std::move(heads), .encoder_reading = Reading::Text};
  std::map<std::string, Tensor> encoder, layer;
  for (auto const& [name, shape] : expected_encoder_tensors(two_layers())) {
    encoder[name] = filled(shape, values.encoder);
    if (name.starts_with("encoder.layer.1.")) layer[name] = filled(shape, values.private_layers);
  }
  write_encoder_config(folder / "encoder", two_layers());
  write_encoder_weights(folder / "encoder", two_layers(), encoder);
  write_file_atomically(folder / "encoder" / "vocab.txt", "[UNK]\n");
  for (auto const reading : spec.private_readings()) write_tensors(private_file(folder, reading), layer);
  for (auto const& head : spec.heads) write_head(folder, head, values.heads);
  write_model_spec(folder, spec);
  return spec;
}

}  // namespace polytask::model::test_support
