#include "train/internal/adamw.h"

#include <torch/torch.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numbers>

#include "base/error.h"
#include "kernels/optimizer.h"

namespace polytask::train {
namespace {

bool decays(std::string const& name) {
  bool const is_bias = name.size() >= 4 && name.compare(name.size() - 4, 4, "bias") == 0;
  return !is_bias && name.find("LayerNorm") == std::string::npos;
}

bool is_head(std::string const& name) { return name.starts_with("heads."); }

/// The number behind `prefix`, where the name begins with it: "encoder.encoder.layer.3.output.dense.bias" -> 3.
std::optional<int> number_behind(std::string const& name, std::string const& prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  int number = 0;
  auto const* const begin = name.data() + prefix.size();
  if (std::from_chars(begin, name.data() + name.size(), number).ec != std::errc()) return std::nullopt;
  return number;
}

/// How many layers of the encoder stand above a parameter, by the names of nn::MultiTaskModel; 0 for what is no part
/// of it. The private layers of a reading are top ones.
class LayersAbove {
 public:
  explicit LayersAbove(torch::nn::Module const& model) {
    for (auto const& item : model.named_parameters()) {
      auto const stack = stack_of(item.key());
      if (auto const number = number_behind(item.key(), stack)) {
        auto& n = n_layers_[stack];
        n = std::max(n, *number + 1);
      }
    }
  }

  [[nodiscard]] int of(std::string const& name) const {
    auto const stack = n_layers_.find(stack_of(name));
    if (stack != n_layers_.end())
      if (auto const number = number_behind(name, stack->first)) return stack->second - 1 - *number;
    auto const whole = n_layers_.find(kEncoder);
    return name.starts_with("encoder.embeddings.") && whole != n_layers_.end() ? whole->second : 0;
  }

 private:
  static constexpr auto kEncoder = "encoder.encoder.layer.";

  static std::string stack_of(std::string const& name) {
    return name.starts_with("private_") ? name.substr(0, name.find('.') + 1) : kEncoder;
  }

  std::map<std::string, int> n_layers_;  ///< by what the names of a stack of layers begin with
};

std::span<float> values(torch::Tensor const& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

std::span<std::int64_t const> indices(torch::Tensor const& tensor) {
  return {tensor.data_ptr<std::int64_t>(), static_cast<std::size_t>(tensor.numel())};
}

kernels::RowTable table_of(OptimizedParameter& parameter) {
  return {values(parameter.weight), values(parameter.first_moment), values(parameter.second_moment)};
}

/// The step of a parameter whose gradient has some of its rows alone.
void update_rows(kernels::AdamWStep const& step, OptimizedParameter& parameter) {
  if (!parameter.rows) parameter.rows.emplace(parameter.weight.size(0), parameter.weight.size(1), step.step - 1);
  auto const& gradient = parameter.weight.grad();
  parameter.rows->step(step, table_of(parameter), indices(gradient.indices().contiguous()),
                       values(gradient.values().contiguous()));
}

/// The same update with LibTorch's operations, for tensors that are not on the CPU.
void update_by_torch(kernels::AdamWStep const& step, OptimizedParameter& parameter) {
  auto const gradient = parameter.weight.grad() * step.gradient_scale;
  parameter.first_moment.mul_(step.beta1).add_(gradient, 1 - step.beta1);
  parameter.second_moment.mul_(step.beta2).addcmul_(gradient, gradient, 1 - step.beta2);
  auto const t = static_cast<double>(step.step);
  auto const denominator = (parameter.second_moment.sqrt() / std::sqrt(1 - std::pow(step.beta2, t))).add_(step.epsilon);
  parameter.weight.mul_(1 - step.learning_rate * step.weight_decay)
      .addcdiv_(parameter.first_moment, denominator, -step.learning_rate / (1 - std::pow(step.beta1, t)));
}

}  // namespace

AdamW::AdamW(torch::nn::Module& model, TrainConfig const& config) : config_(config) {
  LayersAbove const above(model);
  for (auto& item : model.named_parameters()) {
    if (!item.value().requires_grad()) continue;  // frozen
    parameters_.push_back({.name = item.key(),
                           .weight = item.value(),
                           .first_moment = torch::zeros_like(item.value()),
                           .second_moment = torch::zeros_like(item.value()),
                           .decays = decays(item.key()),
                           .learning_rate_factor = is_head(item.key())
                                                       ? config.head_learning_rate_factor
                                                       : std::pow(config.layer_decay, above.of(item.key()))});
  }
}

void AdamW::catch_up(std::span<std::int64_t const> ids) {
  for (auto& parameter : parameters_)
    if (parameter.rows) parameter.rows->catch_up(table_of(parameter), ids);
}

void AdamW::catch_up_all() {
  for (auto& parameter : parameters_)
    if (parameter.rows) parameter.rows->catch_up_all(table_of(parameter));
}

double AdamW::gradient_norm() {
  torch::NoGradGuard const no_grad;
  double total = 0;
  std::vector<torch::Tensor> elsewhere;  // fetched together: each fetch waits for the device
  for (auto& parameter : parameters_) {
    auto& whole = parameter.weight.mutable_grad();
    if (!whole.defined()) continue;
    if (whole.is_sparse()) whole = whole.coalesce();  // once for the step too
    auto const gradient = (whole.is_sparse() ? whole.values() : whole).contiguous();
    if (gradient.is_cpu())
      total += kernels::sum_of_squares(values(gradient));
    else
      elsewhere.push_back(gradient.square().sum());
  }
  if (!elsewhere.empty()) total += torch::stack(elsewhere).sum().item<double>();
  return std::sqrt(total);
}

void AdamW::step(double learning_rate, double norm) {
  torch::NoGradGuard const no_grad;
  bool const clips = config_.max_grad_norm > 0 && norm > config_.max_grad_norm;
  for (auto& parameter : parameters_) {
    if (!parameter.weight.grad().defined()) continue;
    kernels::AdamWStep const step{.learning_rate = learning_rate * parameter.learning_rate_factor,
                                  .weight_decay = parameter.decays ? config_.weight_decay : 0.0,
                                  .step = ++parameter.n_updates,
                                  .gradient_scale = clips ? config_.max_grad_norm / norm : 1.0};
    bool const is_sparse = parameter.weight.grad().is_sparse();
    expects(is_sparse || !parameter.rows, "rows of a table that missed steps are caught up by sparse steps alone");
    if (is_sparse)
      update_rows(step, parameter);
    else if (parameter.weight.is_cpu())
      kernels::adamw_update(step, values(parameter.weight), values(parameter.weight.grad().contiguous()),
                            values(parameter.first_moment), values(parameter.second_moment));
    else
      update_by_torch(step, parameter);
  }
  drop_gradients();
}

void AdamW::drop_gradients() {
  for (auto& parameter : parameters_) parameter.weight.mutable_grad() = torch::Tensor();
}

double learning_rate_at(TrainConfig const& config, std::int64_t step, std::int64_t n_steps) {
  double const warmup = std::max(1.0, config.warmup_ratio * static_cast<double>(n_steps));
  auto const done = static_cast<double>(step);
  if (done <= warmup) return config.learning_rate * done / warmup;
  double const rest = std::max(1.0, static_cast<double>(n_steps) - warmup);
  double const share = std::max(0.0, (static_cast<double>(n_steps) - done + 1) / (rest + 1));
  switch (config.schedule) {
    case Schedule::Constant: return config.learning_rate;
    case Schedule::Linear: return config.learning_rate * share;
    case Schedule::Cosine: return config.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * (1 - share)));
  }
  return config.learning_rate;
}

}  // namespace polytask::train
