#include "kernels/normalization.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "kernels/internal/random_floats.h"

namespace polytask::kernels {
namespace {

constexpr RowsShape kShape{.n_rows = 130, .width = 8};
constexpr auto kSize = static_cast<std::size_t>(kShape.n_rows * kShape.width);

struct Layer {
  Floats x = random_floats(kSize, 1), residual = random_floats(kSize, 2);
  Floats gamma = random_floats(8, 3), beta = random_floats(8, 4), weights = random_floats(kSize, 5);
  Floats sum = Floats(kSize), mean = Floats(130), inverse = Floats(130), y = Floats(kSize);
  Dropout dropout;

  double loss() {
    add_layer_norm_forward(kShape, dropout, 1e-5F, x.data(), residual.data(), gamma.data(), beta.data(), sum.data(),
                           mean.data(), inverse.data(), y.data());
    double total = 0;
    for (std::size_t i = 0; i < kSize; ++i) total += static_cast<double>(y[i]) * weights[i];
    return total;
  }
};

TEST(LayerNorm, GivesRowsOfMeanZeroAndDeviationOneBeforeScaleAndShift) {
  Layer layer;
  layer.gamma.assign(8, 1.0F);
  layer.beta.assign(8, 0.0F);
  layer.loss();
  for (std::size_t row = 0; row < 130; ++row) {
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < 8; ++i)
      sum += layer.y[row * 8 + i], squares += layer.y[row * 8 + i] * layer.y[row * 8 + i];
    EXPECT_NEAR(sum, 0, 1e-4);
    EXPECT_NEAR(squares / 8, 1, 1e-3);
  }
}

class LayerNormGradient : public testing::TestWithParam<float> {};

TEST_P(LayerNormGradient, EqualsFiniteDifferences) {
  Layer layer;
  layer.dropout = {.rate = GetParam(), .seed = 9};
  layer.loss();
  Floats grad_x(kSize), grad_residual(kSize), grad_gamma(8), grad_beta(8);
  add_layer_norm_backward(kShape, layer.dropout, layer.sum.data(), layer.mean.data(), layer.inverse.data(),
                          layer.gamma.data(), layer.weights.data(), grad_x.data(), grad_residual.data(),
                          grad_gamma.data(), grad_beta.data());
  if (!layer.dropout.active()) grad_x = grad_residual;
  auto const largest_difference = [&](Floats& values, Floats const& gradient, std::size_t stride) {
    double largest = 0;
    for (std::size_t i = 0; i < values.size(); i += stride) {
      float const kept = values[i];
      constexpr float kStep = 1e-2F;
      values[i] = kept + kStep;
      double const above = layer.loss();
      values[i] = kept - kStep;
      double const below = layer.loss();
      values[i] = kept;
      largest = std::max(largest, std::abs((above - below) / (2 * kStep) - gradient[i]) / (1 + std::abs(gradient[i])));
    }
    return largest;
  };
  EXPECT_LT(largest_difference(layer.x, grad_x, 7), 2e-2);
  EXPECT_LT(largest_difference(layer.residual, grad_residual, 7), 2e-2);
  EXPECT_LT(largest_difference(layer.gamma, grad_gamma, 1), 1e-2);
  EXPECT_LT(largest_difference(layer.beta, grad_beta, 1), 1e-2);
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutDropout, LayerNormGradient, testing::Values(0.0F, 0.2F));

}  // namespace
}  // namespace polytask::kernels
