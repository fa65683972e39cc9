// AdamW over the parameters of a model that are trained, with its state in the open so that a checkpoint can hold it.
#pragma once

#include <torch/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/row_optimizer.h"
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
  std::optional<kernels::RowAdamW> rows;  ///< of a table whose gradients are sparse; from the first of them on
};

class AdamW {
 public:
  AdamW(torch::nn::Module& model, TrainConfig const& config);

  /// A table of which steps touch few rows moves where it is looked at: its rows `ids` must be caught up before they
  /// are read, and all of them before anybody else looks at the parameters or their moments. Nothing else changes.
  void catch_up(std::span<std::int64_t const> ids);
  void catch_up_all();

  /// Euclidean norm over all gradients.
  [[nodiscard]] double gradient_norm();
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
