#include "kernels/activation.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace polytask::kernels {
namespace {

double distribution(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi); }

/// From far below to far above, 0 among them; more than one chunk.
std::vector<float> grid() {
  std::vector<float> x;
  for (int i = -10'000; i <= 10'000; ++i) x.push_back(static_cast<float>(i) / 500.0F);
  return x;
}

TEST(Gelu, IsXTimesTheNormalDistributionFunction) {
  auto const x = grid();
  std::vector<float> y(x.size());
  gelu_forward(static_cast<std::int64_t>(x.size()), x.data(), y.data());
  for (std::size_t i = 0; i < x.size(); ++i)
    ASSERT_NEAR(y[i], x[i] * distribution(x[i]), 2e-7 * (1 + std::abs(x[i]))) << x[i];
}

TEST(Gelu, GradientIsTheDerivative) {
  auto const x = grid();
  std::vector<float> grad(x.size(), 2.0F);
  gelu_backward(static_cast<std::int64_t>(x.size()), x.data(), grad.data(), grad.data());
  for (std::size_t i = 0; i < x.size(); ++i)
    ASSERT_NEAR(grad[i], 2 * (distribution(x[i]) + x[i] * density(x[i])), 2e-6) << x[i];
}

}  // namespace
}  // namespace polytask::kernels
