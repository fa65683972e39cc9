#include "nn/internal/by_torch.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <tuple>

#include "nn/functions.h"

namespace polytask::nn {
namespace {

using torch::Tensor;

std::vector<std::int32_t> const kOffsets{0, 1, 8, 8, 20, 23};  // the third text has no tokens

double largest_difference(Tensor const& a, Tensor const& b) { return (a - b).abs().max().item<double>(); }

/// Two leaves of the same values, for two ways to the same result.
std::pair<Tensor, Tensor> twins(at::IntArrayRef shape) {
  torch::manual_seed(1);
  auto const values = torch::randn(shape);
  return {values.clone().set_requires_grad(true), values.clone().set_requires_grad(true)};
}

TEST(AttentionByTorch, EqualsTheKernelForwardAndBackwardForMixedLengths) {
  auto const [padded, packed] = twins({23, 3 * 64});
  auto const weights = torch::randn({23, 64});
  auto const theirs = attention_by_torch(padded, kOffsets, {.heads = 4});
  auto const ours = packed_attention(packed, kOffsets, 4, {});
  (theirs * weights).sum().backward();
  (ours * weights).sum().backward();
  EXPECT_LT(largest_difference(theirs, ours), 2e-6);
  EXPECT_LT(largest_difference(padded.grad(), packed.grad()), 1e-5);
}

TEST(AttentionByTorch, EqualsTheKernelOfAWindow) {
  auto const [padded, packed] = twins({23, 3 * 64});
  auto const weights = torch::randn({23, 64});
  auto const theirs = attention_by_torch(padded, kOffsets, {.heads = 4, .reach = 2});
  auto const ours = packed_attention(packed, kOffsets, 4, {}, 2);
  EXPECT_GT(largest_difference(ours, packed_attention(packed, kOffsets, 4, {})), 0.01);
  (theirs * weights).sum().backward();
  (ours * weights).sum().backward();
  EXPECT_LT(largest_difference(theirs, ours), 2e-6);
  EXPECT_LT(largest_difference(padded.grad(), packed.grad()), 1e-5);
}

TEST(AttentionByTorch, EqualsTheKernelOfDistances) {
  kernels::RelativeRows const rows{.span = 4, .buckets = 4, .farthest = 9};
  for (int const terms : {1, 2, 3}) {
    auto const [padded, packed] = twins({23, 3 * 64});
    auto const [their_keys, our_keys] = twins({8, 64});
    auto const [their_queries, our_queries] = twins({8, 64});
    auto const weights = torch::randn({23, 64});
    auto const some = [&](int term, Tensor const& table) { return (terms & term) != 0 ? table : Tensor(); };
    auto const theirs = attention_by_torch(
        padded, kOffsets,
        {.heads = 4, .rows = rows, .of_keys = some(1, their_keys), .of_queries = some(2, their_queries)});
    auto const ours = relative_attention(packed, some(1, our_keys), some(2, our_queries), kOffsets, 4, rows, {});
    (theirs * weights).sum().backward();
    (ours * weights).sum().backward();
    EXPECT_LT(largest_difference(theirs, ours), 5e-6) << terms;
    EXPECT_LT(largest_difference(padded.grad(), packed.grad()), 2e-5) << terms;
    for (auto const& [term, a, b] : {std::tuple(1, their_keys, our_keys), std::tuple(2, their_queries, our_queries)}) {
      if ((terms & term) == 0) continue;
      EXPECT_LT(largest_difference(a.grad(), b.grad()), 2e-5) << terms;
    }
  }
}

TEST(RotateByTorch, EqualsTheKernelForwardAndBackward) {
  auto const [theirs, ours] = twins({23, 3 * 64});
  auto const weights = torch::randn({23, 3 * 64});
  auto const a = rotate_by_torch(theirs, kOffsets, 4, 100.0), b = rotate(ours, kOffsets, 4, 100.0);
  (a * weights).sum().backward();
  (b * weights).sum().backward();
  EXPECT_LT(largest_difference(a, b), 5e-6);
  EXPECT_LT(largest_difference(theirs.grad(), ours.grad()), 5e-6);
  EXPECT_EQ(largest_difference(b.narrow(1, 128, 64), ours.narrow(1, 128, 64)), 0) << "values are not turned";
}

TEST(AttentionByTorch, DropsShareOfTheAttentionAndKeepsItsMean) {
  torch::manual_seed(2);
  auto const qkv = torch::cat({torch::zeros({2000, 32}), torch::ones({2000, 16})},
                              1);  // everybody attends to all alike; values are 1
  std::vector<std::int32_t> const one_text{0, 2000};
  auto const dropped = attention_by_torch(qkv, one_text, {.dropout_rate = 0.5});
  EXPECT_GT(largest_difference(dropped, torch::ones({2000, 16})), 0.01);
  EXPECT_NEAR(dropped.mean().item<double>(), 1, 0.01);
}

TEST(MeanPoolByTorch, EqualsTheKernelForwardAndBackward) {
  auto const [theirs, ours] = twins({23, 8});
  auto const weights = torch::randn({2, 8});
  auto const a = mean_pool_by_torch(theirs, kOffsets, {1, 4}), b = mean_pool(ours, kOffsets, {1, 4});
  (a * weights).sum().backward();
  (b * weights).sum().backward();
  EXPECT_LT(largest_difference(a, b), 1e-6);
  EXPECT_LT(largest_difference(theirs.grad(), ours.grad()), 1e-6);
}

}  // namespace
}  // namespace polytask::nn
