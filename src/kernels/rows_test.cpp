#include "kernels/rows.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "kernels/internal/random_floats.h"
#include "kernels/normalization.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kRows = 5, kWidth = 52;

TEST(NormalizeRows, IsTheLayerNormOfTraining) {
  auto const x = random_floats(kRows * kWidth, 1), gamma = random_floats(kWidth, 2), beta = random_floats(kWidth, 3);
  Floats sum(x.size()), mean(kRows), deviation(kRows), expected(x.size());
  add_layer_norm_forward({kRows, kWidth}, {}, 1e-12F, x.data(), nullptr, gamma.data(), beta.data(), sum.data(),
                         mean.data(), deviation.data(), expected.data());
  Floats y = x;
  normalize_rows(kRows, kWidth, {gamma.data(), beta.data(), 1e-12F}, y.data(), nullptr);
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 2e-6);
}

TEST(NormalizeRows, GivesARowTheSameBitsWhereverItStands) {
  auto const gamma = random_floats(kWidth, 2), beta = random_floats(kWidth, 3);
  Floats const x = random_floats(kRows * kWidth, 1);
  Floats together = x;
  normalize_rows(kRows, kWidth, {gamma.data(), beta.data(), 1e-12F}, together.data(), nullptr);
  for (std::int64_t row = 0; row < kRows; ++row)
    for (std::int64_t shift = 0; shift < 16; ++shift) {
      Floats alone(static_cast<std::size_t>(kWidth + shift));
      std::copy_n(x.begin() + row * kWidth, kWidth, alone.begin() + shift);
      normalize_rows(1, kWidth, {gamma.data(), beta.data(), 1e-12F}, alone.data() + shift, nullptr);
      EXPECT_TRUE(std::equal(alone.begin() + shift, alone.end(), together.begin() + row * kWidth)) << shift;
    }
}

TEST(NormalizeRows, ConvertsWhatItWrote) {
  auto const gamma = random_floats(kWidth, 2), beta = random_floats(kWidth, 3);
  Floats y = random_floats(kRows * kWidth, 1);
  for (auto const precision : {Precision::BFloat16, Precision::Int8}) {
    std::vector<std::byte> at_once(kRows * kWidth * 2), after(at_once.size());
    Floats scales(kRows), scales_after(kRows);
    ConvertedRows const converted{precision, at_once.data(), scales.data()};
    normalize_rows(kRows, kWidth, {gamma.data(), beta.data(), 1e-12F}, y.data(), &converted);
    convert_rows(kRows, kWidth, y.data(), {precision, after.data(), scales_after.data()});
    EXPECT_EQ(at_once, after);
    EXPECT_EQ(scales, scales_after);
  }
}

TEST(ConvertRows, QuantizesEveryValueToItsNearestStep) {
  Floats const x = random_floats(kRows * kWidth, 1);
  std::vector<std::uint8_t> bytes(x.size());
  Floats scales(kRows);
  convert_rows(kRows, kWidth, x.data(), {Precision::Int8, bytes.data(), scales.data()});
  for (std::int64_t row = 0; row < kRows; ++row) {
    float largest = 0;
    for (std::int64_t i = 0; i < kWidth; ++i)
      largest = std::max(largest, std::abs(x[static_cast<std::size_t>(row * kWidth + i)]));
    EXPECT_FLOAT_EQ(scales[static_cast<std::size_t>(row)], largest / 127);
    for (std::int64_t i = 0; i < kWidth; ++i) {
      auto const at = static_cast<std::size_t>(row * kWidth + i);
      EXPECT_NEAR((static_cast<int>(bytes[at]) - 128) * static_cast<double>(largest) / 127, x[at],
                  largest / 127 * 0.5001);
    }
  }
}

TEST(ConvertRows, ReadsBfloat16AsTheFloatsItStandsFor) {
  Floats const x = random_floats(kRows * kWidth, 1);
  std::vector<std::uint16_t> halves(x.size());
  convert_rows(kRows, kWidth, x.data(), {Precision::BFloat16, halves.data(), nullptr});
  Floats rounded;
  for (auto const half : halves) rounded.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U));
  std::vector<std::uint8_t> from_halves(x.size()), from_floats(x.size());
  Floats scales(kRows), scales_of_floats(kRows);
  convert_rows(kRows, kWidth, halves.data(), {Precision::Int8, from_halves.data(), scales.data()});
  convert_rows(kRows, kWidth, rounded.data(), {Precision::Int8, from_floats.data(), scales_of_floats.data()});
  EXPECT_EQ(from_halves, from_floats);
  EXPECT_EQ(scales, scales_of_floats);
}

TEST(Multiply, IsTheProductAndOfBfloat16ItsNearest) {
  auto const x = random_floats(37, 8);
  auto const y = random_floats(37, 9);
  auto floats = x;
  multiply(37, y.data(), floats.data());
  std::vector<std::uint16_t> left(37), right(37);
  convert_rows(1, 37, x.data(), {Precision::BFloat16, left.data(), nullptr});
  convert_rows(1, 37, y.data(), {Precision::BFloat16, right.data(), nullptr});
  auto const to_float = [](std::uint16_t half) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U);
  };
  auto const before = left;
  multiply(37, right.data(), left.data());
  for (std::size_t i = 0; i < 37; ++i) {
    EXPECT_EQ(floats[i], x[i] * y[i]);
    float const exact = to_float(before[i]) * to_float(right[i]);
    EXPECT_NEAR(to_float(left[i]), exact, std::abs(exact) * 0x1p-8F) << "half a step of 8 bits";
  }
}

}  // namespace
}  // namespace polytask::kernels
