// A trained model folder, ready to answer. LibTorch's float32 is the reference that faster paths are compared with.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/model_folder.h"
#include "task/example.h"
#include "task/prediction.h"

namespace polytask::train {

class Predictor {
 public:
  /// Throws Error{NotFound, InvalidInput} for a folder that is not a model, Error{Unavailable} when memory is not
  /// enough.
  static Predictor load(std::filesystem::path const& model_folder, int n_threads, std::string const& device = "cpu");
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;
  ~Predictor();

  [[nodiscard]] model::ModelSpec const& spec() const noexcept;
  /// One encoder pass over the texts, then the heads `task_indices` (into spec().heads) names.
  /// The tasks all read alike (task::read_alike). Result: [example][position in task_indices]. An example's answer does
  /// not depend on its neighbours (to 1e-5).
  [[nodiscard]] std::vector<std::vector<task::Prediction>> predict(std::span<task::Example const> examples,
                                                                   std::span<std::size_t const> task_indices) const;

 private:
  struct State;
  explicit Predictor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace polytask::train
