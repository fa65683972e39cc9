// One task's model by itself: what goes out to, and comes in from, programs whose models have one task.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "model/model_weights.h"
#include "model/package_contents.h"
#include "text/tokenizer.h"

namespace polytask::exchange {

/// An encoder without private layers, and one head on it. All weights are finite and fit one another.
struct TaskModel {
  std::unique_ptr<text::Tokenizer const> tokenizer;
  model::EncoderConfig config;
  std::map<std::string, model::Tensor> encoder;  ///< by published name (model/encoder_files.h)
  model::Pooling pooling = model::Pooling::Mean;
  std::size_t max_length = 128;  ///< tokens, special tokens included
  model::HeadSpec head;
  model::HeadWeights weights;
  std::filesystem::path source;  ///< the folder that was read, in which nothing is written; empty where there is none
};

/// One task of a model folder or package, which is not verified here; layers that are private to the task or its
/// reading stand in the encoder's place. An empty `task` is the only one. Throws Error{InvalidUsage, NotFound,
/// InvalidInput}.
[[nodiscard]] TaskModel read_task_model(std::filesystem::path const& model_folder, std::string const& task);

/// As a model folder with one task; the folder must be empty or new.
void write_task_model(TaskModel const& model, std::filesystem::path const& model_folder);

/// As a package that comes from nowhere, whole or not at all; `polytask` is the version that writes it. Throws as
/// model::write_package.
model::WrittenPackage write_task_package(TaskModel const& model, std::filesystem::path const& folder,
                                         std::string const& polytask);

}  // namespace polytask::exchange
