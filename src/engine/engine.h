// A trained model folder that answers without LibTorch: one pass through the encoder, the heads that are asked for.
// Texts are packed into tiles that fit the caches; each worker takes one tile after another through all layers. A few
// texts are too little for that: all workers then go through one tile together.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/packed_linear.h"
#include "model/model_folder.h"
#include "task/example.h"
#include "task/prediction.h"

namespace polytask::engine {

struct Options {
  /// What all layers multiply in. Nothing = as the folder's precision.json says (model/precision_plan.h), float32 where
  /// there is none.
  std::optional<kernels::Precision> precision;
  int n_workers = 1;  ///< threads that compute, the caller's among them; >= 1
  kernels::InstructionSet instructions = kernels::detected_instructions();
  std::map<std::string, kernels::Precision> exceptions;  ///< by layer group (model::layer_groups), with `precision`
};

/// Cores that this process may compute on; >= 1.
[[nodiscard]] int n_cores_of_process();

/// Calls from several threads wait for one another.
class Engine {
 public:
  /// Throws Error{NotFound, InvalidInput, Corrupt} for a folder that is not a model, naming the file.
  static Engine load(std::filesystem::path const& model_folder, Options const& options);
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  [[nodiscard]] model::ModelSpec const& spec() const noexcept;
  /// With the precisions that were chosen.
  [[nodiscard]] Options const& options() const noexcept;

  /// Result: [example][position in task_indices]; task_indices are indices into spec().heads. The examples must fit the
  /// tasks (one text, or a pair). An example's answer is the same bits whatever stands beside it, in any order and with
  /// any number of workers. Throws Error{InvalidInput} where the weights are such that an answer is no finite number.
  [[nodiscard]] std::vector<std::vector<task::Prediction>> predict(std::span<task::Example const> examples,
                                                                   std::span<std::size_t const> task_indices) const;
  /// The same before decoding: [example][position in task_indices][units * outputs], one unit but for tagging.
  [[nodiscard]] std::vector<std::vector<std::vector<float>>> logits(std::span<task::Example const> examples,
                                                                    std::span<std::size_t const> task_indices) const;
  /// Tokens that an example becomes, special tokens included.
  [[nodiscard]] std::size_t n_tokens(task::Example const& example) const;

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace polytask::engine
