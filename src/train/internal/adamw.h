// AdamW over the parameters of a model that are trained, with its state in the open so that a checkpoint can hold it.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "train/config.h"

namespace polytask::train {

/// One parameter and its moments. A parameter without a gradient in a step (the head of a task that the batch does not
/// carry) is left alone, moments and step count included.
struct OptimizedParameter {
  std::string name;
  torch::Tensor weight;
  torch::Tensor first_moment;
  torch::Tensor second_moment;
  std::int64_t n_updates = 0;
  bool decays = true;  ///< weights do; biases and LayerNorm do not
  double learning_rate_factor = 1;
};

class AdamW {
 public:
  AdamW(torch::nn::Module& model, TrainConfig const& config);

  /// Euclidean norm over all gradients.
  [[nodiscard]] double gradient_norm() const;
  /// Updates every parameter that has a gradient, clips by `norm`, and drops the gradients. `learning_rate` is
  /// the encoder's.
  void step(double learning_rate, double norm);
  void drop_gradients();

  [[nodiscard]] std::vector<OptimizedParameter>& parameters() noexcept { return parameters_; }
  [[nodiscard]] std::vector<OptimizedParameter> const& parameters() const noexcept { return parameters_; }

 private:
  TrainConfig config_;
  std::vector<OptimizedParameter> parameters_;
};

/// The learning rate of step `step` (1-based) of `n_steps`: linear warm-up, then the schedule.
[[nodiscard]] double learning_rate_at(TrainConfig const& config, std::int64_t step, std::int64_t n_steps);

}  // namespace polytask::train
