#include "kernels/cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace polytask::kernels {
namespace {

/// In double, as the formula is written.
double loss_of(std::vector<float> const& logits, std::size_t n, std::size_t row, std::size_t target) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(logits[row * n + i]));
  return std::log(sum) - static_cast<double>(logits[row * n + target]);
}

TEST(SoftmaxCrossEntropy, GivesTheLossAndLeavesItsGradient) {
  constexpr std::size_t kClasses = 37;
  std::vector<std::int64_t> const targets{0, 36, 17};
  std::vector<float> logits;
  for (std::size_t i = 0; i < kClasses * targets.size(); ++i)
    logits.push_back(static_cast<float>(std::sin(static_cast<double>(i) * 1.7) * 4));
  auto gradient = logits;
  std::vector<float> losses(targets.size());

  softmax_cross_entropy(kClasses, targets, gradient.data(), losses);

  for (std::size_t row = 0; row < targets.size(); ++row) {
    auto const target = static_cast<std::size_t>(targets[row]);
    EXPECT_NEAR(losses[row], loss_of(logits, kClasses, row, target), 1e-5);
    for (std::size_t i = 0; i < kClasses; ++i) {
      double const step = 1e-2;  // a central difference of the loss in that logit
      auto higher = logits, lower = logits;
      higher[row * kClasses + i] += static_cast<float>(step);
      lower[row * kClasses + i] -= static_cast<float>(step);
      double const expected =
          (loss_of(higher, kClasses, row, target) - loss_of(lower, kClasses, row, target)) / (2 * step);
      EXPECT_NEAR(gradient[row * kClasses + i], expected, 2e-5);
    }
  }
}

TEST(SoftmaxCrossEntropy, LargeLogitsOverflowNothing) {
  std::vector<float> logits{3e4F, -3e4F, 0.0F};
  std::vector<float> losses(1);
  softmax_cross_entropy(3, std::vector<std::int64_t>{1}, logits.data(), losses);
  EXPECT_FLOAT_EQ(losses[0], 6e4F);
  EXPECT_FLOAT_EQ(logits[0], 1.0F);
  EXPECT_FLOAT_EQ(logits[1], -1.0F);
}

}  // namespace
}  // namespace polytask::kernels
