#include "exchange/linear_pooler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "exchange/test_support.h"

namespace polytask::exchange {
namespace {

TEST(LinearPooler, DoesNothingToRoundingForEveryStateThatALayerNormCanGive) {
  for (double const largest : {1.0, 4.7, 32.0, 900.0}) {
    int const k = linear_pooler_exponent(largest);
    float const down = std::ldexp(1.0F, -k);
    for (double size = largest; size > largest * 1e-6; size *= 0.37)
      for (float const state : {static_cast<float>(size), static_cast<float>(-size)}) {
        float const back = std::ldexp(std::tanh(down * state), k);
        EXPECT_NEAR(back, state, std::abs(static_cast<double>(state)) * std::numeric_limits<float>::epsilon())
            << "largest " << largest;
      }
  }
}

TEST(LinearPooler, GrowsWithTheLayerNormThatBoundsTheStates) {
  auto model = test_support::model_of(test_support::head_of(task::TaskType::Classification, {"a", "b"}));
  auto& gamma = model.encoder.at("encoder.layer.1.output.LayerNorm.weight").values;
  auto& beta = model.encoder.at("encoder.layer.1.output.LayerNorm.bias").values;
  std::fill(gamma.begin(), gamma.end(), 1.0F);
  std::fill(beta.begin(), beta.end(), 0.0F);
  gamma[3] = -50.0F;
  beta[3] = 2.0F;
  EXPECT_DOUBLE_EQ(largest_state(model.encoder, model.config), 50 * std::sqrt(8.0) + 2);  // 143.4
  EXPECT_EQ(linear_pooler_exponent(143.4), 13 + 8);
  EXPECT_EQ(linear_pooler_exponent(0.01), 13);
}

TEST(LinearPooler, IsKnownAgainAndAnyOtherIsNot) {
  auto const pooler = linear_pooler(4, 17);
  EXPECT_EQ(exponent_of_linear_pooler(pooler, 16), 17);
  EXPECT_EQ(exponent_of_linear_pooler(pooler, 17), std::nullopt) << "states are too large for it";
  auto other = pooler;
  other.weight.values[1] = 1e-20F;
  EXPECT_EQ(exponent_of_linear_pooler(other, 1), std::nullopt);
  other = pooler;
  other.weight.values[15] *= 2;
  EXPECT_EQ(exponent_of_linear_pooler(other, 1), std::nullopt);
  other = pooler;
  other.bias.values[2] = 1e-20F;
  EXPECT_EQ(exponent_of_linear_pooler(other, 1), std::nullopt);
  other = pooler;
  for (std::size_t i = 0; i < 16; i += 5) other.weight.values[i] *= 1.5F;
  EXPECT_EQ(exponent_of_linear_pooler(other, 1), std::nullopt) << "no power of two: the way back would round";
}

TEST(LinearPooler, ScalesWithoutRoundingAndRefusesWhatIsTooLarge) {
  Rng rng(3);
  auto const weight = test_support::random_tensor(rng, {5, 7});
  EXPECT_EQ(scaled(scaled(weight, 20), -20).values, weight.values);
  EXPECT_THROW((void)scaled({{1}, {1e38F}}, 20), Error);
}

}  // namespace
}  // namespace polytask::exchange
