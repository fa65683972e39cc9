#include "kernels/optimizer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

namespace polytask::kernels {
namespace {

TEST(AdamW, FollowsAlgorithmTwoOfLoshchilovAndHutter) {
  std::vector<float> weights{1.0F, -2.0F};
  std::vector<float> first(2, 0.0F);
  std::vector<float> second(2, 0.0F);
  double w = 1.0;
  double m = 0;
  double v = 0;
  for (int t = 1; t <= 5; ++t) {
    double const gradient = 0.3 * t;
    std::vector<float> const gradients{static_cast<float>(gradient), 0.0F};
    adamw_update({.learning_rate = 0.01, .weight_decay = 0.1, .step = t}, weights, gradients, first, second);
    m = 0.9 * m + 0.1 * gradient;
    v = 0.999 * v + 0.001 * gradient * gradient;
    double const m_hat = m / (1 - std::pow(0.9, t));
    double const v_hat = v / (1 - std::pow(0.999, t));
    w = w - 0.01 * (m_hat / (std::sqrt(v_hat) + 1e-8) + 0.1 * w);
    EXPECT_NEAR(weights[0], w, 1e-6);
  }
  EXPECT_NEAR(weights[1], -2.0 * std::pow(1 - 0.001, 5), 1e-6);  // without a gradient only the decay acts
}

TEST(AdamW, ClippingScalesTheGradient) {
  std::vector<float> a{1.0F}, am{0.0F}, av{0.0F}, b{1.0F}, bm{0.0F}, bv{0.0F};
  adamw_update({.learning_rate = 0.1, .gradient_scale = 0.5}, a, std::vector<float>{4.0F}, am, av);
  adamw_update({.learning_rate = 0.1}, b, std::vector<float>{2.0F}, bm, bv);
  EXPECT_EQ(a, b);
  EXPECT_EQ(av, bv);
}

TEST(SumOfSquares, AddsEverythingUp) {
  std::vector<float> const values(100'001, 0.5F);
  EXPECT_DOUBLE_EQ(sum_of_squares(values), 100'001 * 0.25);
}

}  // namespace
}  // namespace polytask::kernels
