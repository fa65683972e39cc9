#include "nn/functions.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <cmath>

namespace polytask::nn {
namespace {

using torch::Tensor;

std::vector<std::int32_t> const kOffsets{0, 1, 8, 20, 23};

/// Attention by LibTorch's operations, text by text: the definition that the kernel must equal.
Tensor attention_by_definition(Tensor const& qkv, std::int64_t heads) {
  std::int64_t const hidden = qkv.size(1) / 3;
  std::vector<Tensor> parts;
  for (std::size_t t = 0; t + 1 < kOffsets.size(); ++t) {
    std::int64_t const n = kOffsets[t + 1] - kOffsets[t];
    auto const x = qkv.narrow(0, kOffsets[t], n).view({n, 3, heads, hidden / heads}).permute({1, 2, 0, 3});
    auto const p = torch::softmax(
        torch::matmul(x[0], x[1].transpose(-1, -2)) / std::sqrt(static_cast<double>(hidden / heads)), -1);
    parts.push_back(torch::matmul(p, x[2]).permute({1, 0, 2}).reshape({n, hidden}));
  }
  return torch::cat(parts);
}

double largest_difference(Tensor const& a, Tensor const& b) { return (a - b).abs().max().item<double>(); }

TEST(PackedAttention, EqualsLibTorchForwardAndBackwardForMixedLengths) {
  torch::manual_seed(1);
  auto const qkv = torch::randn({23, 3 * 64}).set_requires_grad(true);
  auto const reference = qkv.detach().clone().set_requires_grad(true);
  auto const weights = torch::randn({23, 64});
  auto const ours = packed_attention(qkv, kOffsets, 4, {});
  auto const theirs = attention_by_definition(reference, 4);
  (ours * weights).sum().backward();
  (theirs * weights).sum().backward();
  EXPECT_LT(largest_difference(ours, theirs), 2e-6);
  EXPECT_LT(largest_difference(qkv.grad(), reference.grad()), 1e-5);
}

TEST(Linear, InBFloat16EqualsLibTorchOnRoundedOperandsForwardAndBackward) {
  torch::manual_seed(5);
  auto const rounded = [](Tensor const& x) { return x.to(torch::kBFloat16).to(torch::kFloat32); };
  torch::nn::LinearImpl layer(48, 32), second(48, 32), third(48, 32);
  auto x = torch::randn({70, 48}).set_requires_grad(true);
  auto const weights = rounded(torch::randn({70, 32}));  // the gradient that comes in, so that rounding leaves it alone
  auto const y = linear(x, layer, kernels::Precision::BFloat16);
  (y * weights).sum().backward();
  torch::NoGradGuard const no_grad;
  EXPECT_LT(largest_difference(y, torch::linear(rounded(x), rounded(layer.weight), layer.bias)), 1e-5);
  EXPECT_LT(largest_difference(x.grad(), weights.matmul(rounded(layer.weight))), 1e-5);
  EXPECT_LT(largest_difference(layer.weight.grad(), weights.t().matmul(rounded(x))), 1e-4);
  EXPECT_LT(largest_difference(layer.bias.grad(), weights.sum(0)), 1e-4);
  EXPECT_GT(largest_difference(y, linear(x, layer)), 1e-4) << "float32 is something else";
  auto const side_by_side = linear_side_by_side(x, layer, second, third, kernels::Precision::BFloat16);
  EXPECT_EQ(largest_difference(side_by_side.narrow(1, 0, 32), y), 0);
  EXPECT_EQ(largest_difference(side_by_side.narrow(1, 64, 32), linear(x, third, kernels::Precision::BFloat16)), 0);
}

TEST(AddLayerNorm, EqualsLibTorchForwardAndBackward) {
  torch::manual_seed(2);
  auto make = [](Tensor const& values) { return values.detach().clone().set_requires_grad(true); };
  auto const x = torch::randn({70, 48}), r = torch::randn({70, 48}), g = torch::randn({48}), b = torch::randn({48});
  auto const weights = torch::randn({70, 48});
  auto x1 = make(x), r1 = make(r), g1 = make(g), b1 = make(b);
  auto x2 = make(x), r2 = make(r), g2 = make(g), b2 = make(b);
  auto const ours = add_layer_norm(x1, r1, g1, b1, 1e-12, {});
  auto const theirs = torch::layer_norm(x2 + r2, {48}, g2, b2, 1e-12);
  (ours * weights).sum().backward();
  (theirs * weights).sum().backward();
  EXPECT_LT(largest_difference(ours, theirs), 1e-5);
  EXPECT_LT(largest_difference(x1.grad(), x2.grad()), 1e-4);
  EXPECT_LT(largest_difference(r1.grad(), r2.grad()), 1e-4);
  EXPECT_LT(largest_difference(g1.grad(), g2.grad()), 1e-4);
  EXPECT_LT(largest_difference(b1.grad(), b2.grad()), 1e-4);
}

TEST(AddLayerNorm, DropsTheSameElementsForwardAndBackward) {
  auto x = torch::ones({40, 16}).set_requires_grad(true);
  kernels::Dropout const dropout_site{.rate = 0.5F, .seed = 3};
  auto const dropped = dropout(x, dropout_site);
  dropped.sum().backward();
  EXPECT_LT(largest_difference(dropped, x.grad()), 1e-6);  // 0 or 2 in both
  double const share = (dropped == 0).to(torch::kFloat32).mean().item<double>();
  EXPECT_NEAR(share, 0.5, 0.1);
}

TEST(MeanPool, AveragesTheTokensOfTheTextsAskedFor) {
  auto const hidden = torch::arange(23 * 2, torch::kFloat32).view({23, 2});
  auto const pooled = mean_pool(hidden, kOffsets, {1, 3});
  EXPECT_LT(largest_difference(pooled[0], hidden.narrow(0, 1, 7).mean(0)), 1e-5);
  EXPECT_LT(largest_difference(pooled[1], hidden.narrow(0, 20, 3).mean(0)), 1e-5);
}

}  // namespace
}  // namespace polytask::nn
