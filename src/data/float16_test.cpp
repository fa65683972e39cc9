#include "data/float16.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace polytask::data {
namespace {

TEST(Float16, EveryFiniteOneComesBackAsItself) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    auto const half = static_cast<std::uint16_t>(bits);
    if (is_finite_float16(half)) {
      ASSERT_EQ(float16_of(float_of(half)), half) << bits;
    }
  }
}

TEST(Float16, StandsForTheNumbersOfTheStandard) {
  EXPECT_EQ(float_of(0x3C00), 1.0F);
  EXPECT_EQ(float_of(0xC000), -2.0F);
  EXPECT_EQ(float_of(0x3555), 0.333251953125F);
  EXPECT_EQ(float_of(0x7BFF), 65504.0F);
  EXPECT_EQ(float_of(0x0001), 0x1p-24F);
  EXPECT_EQ(float_of(0x0400), 0x1p-14F);
  EXPECT_TRUE(std::signbit(float_of(0x8000)));
}

TEST(Float16, IsTheNearestAndOfTwoAsNearTheEvenOne) {
  EXPECT_EQ(float16_of(1.0F + 0x1p-11F), 0x3C00);      // half way to the next, which is odd
  EXPECT_EQ(float16_of(1.0F + 3 * 0x1p-11F), 0x3C02);  // half way between an odd and an even one
  EXPECT_EQ(float16_of(1.0F + 0x1p-11F + 0x1p-20F), 0x3C01);
  EXPECT_EQ(float16_of(0x1p-25F), 0);  // the same among the smallest
  EXPECT_EQ(float16_of(3 * 0x1p-25F), 2);
  Rng rng(3);
  for (int i = 0; i < 100'000; ++i) {
    auto const value = static_cast<float>(rng.normal() * std::pow(10.0, i % 9 - 6));
    auto const error = std::abs(static_cast<double>(float_of(float16_of(value))) - static_cast<double>(value));
    ASSERT_LE(error, std::max(std::abs(static_cast<double>(value)) * 0x1p-11, 0x1p-25)) << value;
  }
}

TEST(Float16, KnowsWhatItCannotHold) {
  EXPECT_TRUE(is_finite_float16(float16_of(65519.0F)));
  EXPECT_FALSE(is_finite_float16(float16_of(65520.0F)));
  EXPECT_FALSE(is_finite_float16(float16_of(-1e9F)));
  EXPECT_FALSE(is_finite_float16(float16_of(HUGE_VALF)));
  EXPECT_FALSE(is_finite_float16(float16_of(std::nanf(""))));
}

}  // namespace
}  // namespace polytask::data
