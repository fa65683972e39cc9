#include "nn/convolution.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <map>

#include "nn/functions.h"

namespace polytask::nn {
namespace {

using torch::Tensor;

constexpr std::int64_t kHidden = 12;
std::vector<std::int32_t> const kSequences{0, 1, 8, 8, 20, 23};  // the third has no tokens

double largest_difference(Tensor const& a, Tensor const& b) { return (a - b).abs().max().item<double>(); }

model::EncoderConfig config_of(std::int64_t width, std::string const& activation) {
  model::EncoderConfig config;
  config.hidden_size = kHidden;
  config.convolution = {width, activation};
  config.dropout = {.output = 0.3};
  return config;
}

/// What LibTorch's convolution makes of each sequence alone, between zeros.
Tensor convolved_by_torch(Tensor const& x, Tensor const& weight, Tensor const& bias) {
  std::vector<Tensor> parts;
  for (std::size_t s = 0; s + 1 < kSequences.size(); ++s) {
    std::int64_t const n = kSequences[s + 1] - kSequences[s];
    if (n == 0) continue;
    auto const sequence = x.narrow(0, kSequences[s], n).t().unsqueeze(0);
    parts.push_back(torch::conv1d(sequence, weight, bias, 1, weight.size(2) / 2).squeeze(0).t());
  }
  return torch::cat(parts);
}

Tensor activated_by_torch(Tensor const& x, std::string const& name) {
  return name == "tanh" ? torch::tanh(x) : torch::gelu(x);
}

/// Two layers of the same random weights, and states for them.
class Convolutions {
 public:
  Convolutions(std::int64_t width, std::string const& activation) : ours(config_of(width, activation)) {
    torch::manual_seed(width);
    torch::NoGradGuard const no_grad;
    for (auto& parameter : ours->named_parameters()) {
      parameter.value().normal_(0, 0.5);
      theirs[parameter.key()] = parameter.value().clone().set_requires_grad(true);
    }
  }
  Convolution ours;
  std::map<std::string, Tensor> theirs;
  Tensor const below = torch::randn({23, kHidden}), above = torch::randn({23, kHidden}),
               weights = torch::randn({23, kHidden});
};

TEST(Convolution, EqualsLibTorchOnEachSequenceForwardAndBackward) {
  for (auto const& [width, activation] : {std::pair(1, "gelu"), std::pair(3, "tanh"), std::pair(5, "gelu")}) {
    Convolutions both(width, activation);
    auto below = both.below.clone().set_requires_grad(true), same = both.below.clone().set_requires_grad(true);
    Pass pass(5), again(5);
    auto const ours = both.ours->forward(below, both.above, {kSequences, {}}, pass);
    auto const found = convolved_by_torch(same, both.theirs["conv.weight"], both.theirs["conv.bias"]);
    auto const added = activated_by_torch(dropout(found, again.next_dropout(0.3)), activation);
    auto const theirs = torch::layer_norm(both.above + added, {kHidden}, both.theirs["LayerNorm.weight"],
                                          both.theirs["LayerNorm.bias"], 1e-12);
    EXPECT_LT(largest_difference(ours, theirs), 2e-5) << width;
    (ours * both.weights).sum().backward();
    (theirs * both.weights).sum().backward();
    EXPECT_LT(largest_difference(below.grad(), same.grad()), 1e-4) << width;
    for (auto const& parameter : both.ours->named_parameters())
      EXPECT_LT(largest_difference(parameter.value().grad(), both.theirs[parameter.key()].grad()), 1e-4)
          << width << ", " << parameter.key();
  }
}

TEST(Convolution, MakesTheRowsThatAreReadAlone) {
  Convolutions both(3, "tanh");
  torch::NoGradGuard const no_grad;
  auto const read = torch::tensor({0, 7, 8, 22}, torch::kInt64);
  Pass none;
  auto const all = both.ours->forward(both.below, both.above, {kSequences, {}}, none);
  auto const some = both.ours->forward(both.below, both.above.index_select(0, read), {kSequences, {}, read}, none);
  EXPECT_LT(largest_difference(some, all.index_select(0, read)), 1e-6);
}

TEST(Convolution, InBFloat16MultipliesRoundedValues) {
  Convolutions both(3, "tanh");
  torch::NoGradGuard const no_grad;
  auto const rounded = [](Tensor const& x) { return x.to(torch::kBFloat16).to(torch::kFloat32); };
  Pass pass(5, kernels::Precision::BFloat16), again(5), in_floats(5);
  auto const ours = both.ours->forward(both.below, both.above, {kSequences, {}}, pass);
  auto const found =
      convolved_by_torch(rounded(both.below), rounded(both.theirs["conv.weight"]), both.theirs["conv.bias"]);
  auto const theirs = torch::layer_norm(both.above + torch::tanh(dropout(found, again.next_dropout(0.3))), {kHidden},
                                        both.theirs["LayerNorm.weight"], both.theirs["LayerNorm.bias"], 1e-12);
  EXPECT_LT(largest_difference(ours, theirs), 2e-5);
  auto const exact = both.ours->forward(both.below, both.above, {kSequences, {}}, in_floats);
  EXPECT_GT(largest_difference(ours, exact), 1e-4) << "float32 is something else";
}

}  // namespace
}  // namespace polytask::nn
