// What the room's tests of whole trainings share.
#pragma once

#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "data/frozen_states.h"
#include "model/encoder_files.h"
#include "nn/encoder.h"
#include "train/config.h"
#include "train/process_group.h"
#include "train/trainer.h"

namespace polytask::train::test_support {

/// A model that trains in a second, with several checkpoints.
inline TrainConfig small_config(std::int64_t layers, double epochs) {
  TrainConfig config;
  config.scratch = {.layers = layers, .hidden_size = 32, .heads = 2, .vocab_size = 200};
  config.epochs = epochs;
  config.learning_rate = 3e-3;
  config.batch_tokens = 120;
  config.max_length = 32;
  config.checkpoint_steps = 7;
  config.precision = "f32";  // what is compared to rounding is so on every processor
  return config;
}

inline TrainOptions options_in(std::filesystem::path const& folder) {
  std::filesystem::create_directories(folder);
  return {.run_folder = folder, .seed = 5};
}

/// What a training said.
struct Seen {
  std::vector<StepRecord> steps;
  std::vector<EvaluationRecord> evaluations;
  TrainEvents events() {
    return {.on_step = [this](auto const& record) { steps.push_back(record); },
            .on_evaluation = [this](auto const& record) { evaluations.push_back(record); }};
  }
};

class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string const& name)
      : path_(std::filesystem::temp_directory_path() / (name + "_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(TemporaryFolder const&) = delete;
  TemporaryFolder& operator=(TemporaryFolder const&) = delete;
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The embeddings and first layers of an encoder, as the modules of nn compute them, a text at a time.
inline data::FrozenLayers frozen_layers(std::filesystem::path const& given, std::int64_t n_layers,
                                        int* n_computed = nullptr) {
  auto const config = model::read_encoder_config(given);
  nn::Encoder encoder(config);
  encoder->load(model::read_encoder_weights(given, config));
  return {.key = "the given encoder, " + std::to_string(n_layers),
          .hidden_size = config.hidden_size,
          .compute = [=](auto texts, auto const& take) mutable {
            torch::NoGradGuard const no_grad;
            for (std::size_t i = 0; i < texts.size(); ++i) {
              if (n_computed != nullptr) ++*n_computed;
              nn::PackedTexts packed;
              auto const n = static_cast<std::int64_t>(texts[i].ids.size());
              packed.ids = torch::tensor(std::vector<std::int64_t>(texts[i].ids.begin(), texts[i].ids.end()));
              packed.type_ids =
                  torch::tensor(std::vector<std::int64_t>(texts[i].type_ids.begin(), texts[i].type_ids.end()));
              packed.positions = torch::arange(n);
              packed.offsets = {0, static_cast<std::int32_t>(n)};
              nn::Pass evaluation;
              auto const states = encoder->forward_until(packed, n_layers, evaluation).contiguous();
              take(i, {states.template data_ptr<float>(), static_cast<std::size_t>(states.numel())});
            }
          }};
}

/// Calls `work(group)` as `n` processes would, from a thread each.
template <typename Work>
void in_processes(int n, Work const& work) {
  TemporaryFolder const folder("polytask_processes");
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < n; ++rank)
    threads.emplace_back([&, rank] {
      ProcessGroup group({.rank = rank, .size = n, .file = folder.path() / "meeting"});
      work(group);
    });
}

/// The names of all its files, in it.
inline std::vector<std::filesystem::path> files_of(std::filesystem::path const& folder) {
  std::vector<std::filesystem::path> files;
  for (auto const& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(std::filesystem::relative(entry.path(), folder));
  std::sort(files.begin(), files.end());
  return files;
}

/// Of the names and bytes of all its files.
inline std::string hash_of_folder(std::filesystem::path const& folder) {
  Sha256 hash;
  for (auto const& file : files_of(folder)) hash.update(file.string()).update(read_file(folder / file));
  return hash.hex_digest();
}

}  // namespace polytask::train::test_support
