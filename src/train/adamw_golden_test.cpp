// Steps of torch.optim.AdamW: tests/golden/train/make_adamw.py.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <fstream>

#include "base/json.h"
#include "train/internal/adamw.h"

namespace polytask::train {
namespace {

constexpr double kTolerance = 1e-6;

torch::Tensor tensor_of(Json const& json) {
  if (!json[0].is_array()) return torch::tensor(json.get<std::vector<float>>());
  std::vector<torch::Tensor> rows;
  for (auto const& row : json) rows.push_back(tensor_of(row));
  return torch::stack(rows);
}

/// "dense.weight" becomes the parameter "weight" of the module "dense".
struct ModuleImpl : torch::nn::Module {
  explicit ModuleImpl(Json const& weights) {
    std::map<std::string, std::shared_ptr<Module>> parts;
    for (auto const& [name, values] : weights.items()) {
      auto const dot = name.find('.');
      auto& part = parts[name.substr(0, dot)];
      if (!part) part = register_module(name.substr(0, dot), std::make_shared<torch::nn::Module>());
      part->register_parameter(name.substr(dot + 1), tensor_of(values));
    }
  }
};

double largest_difference(torch::nn::Module const& module, Json const& expected) {
  double largest = 0;
  for (auto const& parameter : module.named_parameters())
    largest =
        std::max(largest, (parameter.value() - tensor_of(expected.at(parameter.key()))).abs().max().item<double>());
  return largest;
}

TEST(AdamWGolden, StepsEqualPyTorchsWithDecayGroupsClippingAndMissingGradients) {
  std::ifstream file("tests/golden/train/adamw.json");
  auto const golden = Json::parse(file);
  double largest = 0;
  std::size_t n_steps = 0;
  for (auto const& run : golden["runs"]) {
    ModuleImpl module(run["start"]);
    TrainConfig config;
    config.weight_decay = run["weight_decay"];
    config.max_grad_norm = run["max_grad_norm"];
    AdamW optimizer(module, config);
    for (auto const& step : run["steps"]) {
      for (auto& parameter : module.named_parameters())
        if (auto const& gradient = step["gradients"].at(parameter.key()); !gradient.is_null())
          parameter.value().mutable_grad() = tensor_of(gradient);
      double const norm = optimizer.gradient_norm();
      EXPECT_NEAR(norm, step["norm"].get<double>(), 1e-6 * norm);
      optimizer.step(step["learning_rate"], norm);
      double const difference = largest_difference(module, step["weights"]);
      EXPECT_LT(difference, kTolerance) << "weight_decay " << config.weight_decay << ", max_grad_norm "
                                        << config.max_grad_norm;
      largest = std::max(largest, difference);
      ++n_steps;
    }
  }
  EXPECT_GT(n_steps, 40u);
  fmt::print("{} steps, largest difference {:.1e}\n", n_steps, largest);
}

}  // namespace
}  // namespace polytask::train
