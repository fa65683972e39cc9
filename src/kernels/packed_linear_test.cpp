#include "kernels/packed_linear.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/internal/random_floats.h"
#include "kernels/rows.h"

namespace polytask::kernels {
namespace {

using testing::ElementsAreArray;

struct Case {
  Precision precision;
  InstructionSet instructions;
};

std::vector<Case> cases_of_this_processor() {
  std::vector<Case> cases;
  for (auto const precision : {Precision::Float32, Precision::BFloat16, Precision::Int8})
    for (auto const instructions : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512,
                                    InstructionSet::Avx512Vnni, InstructionSet::Avx512Bf16, InstructionSet::Amx})
      if (instructions <= detected_instructions()) cases.push_back({precision, instructions});
  return cases;
}

float as_bfloat16(float value) {
  auto const bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) & 0xFFFF0000U);
}

/// Rows in a layer's precision, and what they stand for.
struct Rows {
  Rows(Precision precision, std::int64_t n_rows, std::int64_t width, Floats const& x)
      : floats(x), values(x.size() * 4), scales(static_cast<std::size_t>(n_rows)), meant(x) {
    rows = {n_rows, precision == Precision::Float32 ? static_cast<void const*>(floats.data()) : values.data(),
            row_bytes(precision, width), scales.data()};
    if (precision == Precision::Float32) return;
    convert_rows(n_rows, width, x.data(), {precision, values.data(), scales.data()});
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (precision == Precision::BFloat16) {
        meant[i] = as_bfloat16(x[i]);
      } else {
        auto const byte = static_cast<int>(values[i]);
        meant[i] = static_cast<float>(byte - 128) * scales[i / static_cast<std::size_t>(width)];
      }
    }
  }
  Floats floats;
  std::vector<std::byte> values;
  std::vector<float> scales;
  Floats meant;
  InputRows rows;
};

class PackedLayer : public testing::TestWithParam<Case> {
 protected:
  static constexpr std::int64_t kIn = 52, kOut = 83;  // neither fills vectors, panels or blocks
  Precision precision = GetParam().precision;
  Floats weight = random_floats(kOut * kIn, 1);
  Floats bias = random_floats(kOut, 2);
  PackedLinear layer{{kOut, kIn}, weight.data(), bias.data(), precision, GetParam().instructions};

  /// By definition, in double, over what the rounded numbers stand for.
  [[nodiscard]] double expected(Floats const& x, std::int64_t row, std::int64_t column) const {
    float largest = 0;
    for (std::int64_t i = 0; i < kIn; ++i)
      largest = std::max(largest, std::abs(weight[static_cast<std::size_t>(column * kIn + i)]));
    double sum = bias[static_cast<std::size_t>(column)];
    for (std::int64_t i = 0; i < kIn; ++i) {
      float w = weight[static_cast<std::size_t>(column * kIn + i)];
      if (precision == Precision::BFloat16) w = as_bfloat16(w);
      if (precision == Precision::Int8) w = std::nearbyint(w / (largest / 127)) * (largest / 127);
      sum += static_cast<double>(x[static_cast<std::size_t>(row * kIn + i)]) * w;
    }
    return sum;
  }
  [[nodiscard]] Floats apply(InputRows const& rows, Finish const& finish = {}) const {
    Floats y(static_cast<std::size_t>(rows.n_rows * kOut), -7.0F);
    layer.apply(rows, finish, {OutputRows::Type::Float32, y.data(), kOut});
    return y;
  }
};

TEST_P(PackedLayer, IsTheProductOfTheRoundedNumbersPlusTheBiasForAnyNumberOfRows) {
  for (std::int64_t const n_rows : {1, 2, 5, 8, 9, 16, 23, 33, 97}) {
    Rows const x(precision, n_rows, kIn, random_floats(n_rows * kIn, 3));
    auto const y = apply(x.rows);
    for (std::int64_t row = 0; row < n_rows; ++row)
      for (std::int64_t column = 0; column < kOut; ++column)
        ASSERT_NEAR(y[static_cast<std::size_t>(row * kOut + column)], expected(x.meant, row, column), 5e-5)
            << n_rows << " rows: " << row << ", " << column;
  }
}

TEST_P(PackedLayer, WritesNothingForNoRows) {
  Rows const x(precision, 0, kIn, {});
  EXPECT_TRUE(apply(x.rows).empty());
}

TEST_P(PackedLayer, GivesARowTheSameBitsAloneAndAmongOthers) {
  constexpr std::int64_t kRows = 41;
  auto const values = random_floats(kRows * kIn, 3);
  Rows const all(precision, kRows, kIn, values);
  auto const together = apply(all.rows);
  for (std::int64_t row = 0; row < kRows; ++row) {
    Rows const one(precision, 1, kIn, Floats(values.begin() + row * kIn, values.begin() + (row + 1) * kIn));
    auto const alone = apply(one.rows);
    ASSERT_THAT(alone, ElementsAreArray(together.begin() + row * kOut, together.begin() + (row + 1) * kOut)) << row;
  }
}

TEST_P(PackedLayer, WritesChosenColumnsAloneAndLeavesTheOthers) {
  Rows const x(precision, 3, kIn, random_floats(3 * kIn, 3));
  auto const whole = apply(x.rows);
  Floats y(3 * kOut, -7.0F);
  layer.apply(x.rows, {16, 70}, {}, {OutputRows::Type::Float32, y.data(), kOut});
  for (std::int64_t row = 0; row < 3; ++row)
    for (std::int64_t column = 0; column < kOut; ++column) {
      auto const at = static_cast<std::size_t>(row * kOut + column);
      EXPECT_EQ(y[at], column >= 16 && column < 70 ? whole[at] : -7.0F) << row << ", " << column;
    }
}

TEST_P(PackedLayer, AddsTheResidual) {
  Rows const x(precision, 9, kIn, random_floats(9 * kIn, 3));
  auto const residual = random_floats(9 * kOut, 4);
  auto const plain = apply(x.rows);
  auto const y = apply(x.rows, {.residual = residual.data(), .residual_stride = kOut});
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], plain[i] + residual[i], 1e-5);
}

TEST_P(PackedLayer, ActivatesByTheDefinitions) {
  Rows const x(precision, 9, kIn, random_floats(9 * kIn, 3));
  auto const plain = apply(x.rows);
  auto const gelu = apply(x.rows, {.activation = Activation::Gelu});
  auto const gelu_tanh = apply(x.rows, {.activation = Activation::GeluTanh});
  auto const relu = apply(x.rows, {.activation = Activation::Relu});
  auto const tanh = apply(x.rows, {.activation = Activation::Tanh});
  for (std::size_t i = 0; i < plain.size(); ++i) {
    double const v = plain[i];
    ASSERT_NEAR(gelu[i], v * 0.5 * std::erfc(-v / std::sqrt(2.0)), 2e-6 * (1 + std::abs(v))) << v;
    ASSERT_NEAR(gelu_tanh[i], 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))),
                2e-6 * (1 + std::abs(v)))
        << v;
    ASSERT_EQ(relu[i], std::max(0.0F, plain[i]));
    ASSERT_NEAR(tanh[i], std::tanh(v), 3e-7) << v;
  }
}

TEST_P(PackedLayer, ActivatesResultsThatAreRoundedWithinTheirRounding) {
  Rows const x(precision, 9, kIn, random_floats(9 * kIn, 3));
  auto const plain = apply(x.rows);
  std::vector<std::uint16_t> halves(9 * kOut);
  layer.apply(x.rows, {.activation = Activation::Gelu}, {OutputRows::Type::BFloat16, halves.data(), kOut});
  for (std::size_t i = 0; i < halves.size(); ++i) {
    double const v = plain[i];
    ASSERT_NEAR(std::bit_cast<float>(static_cast<std::uint32_t>(halves[i]) << 16U),
                v * 0.5 * std::erfc(-v / std::sqrt(2.0)), 2.5e-4 + std::abs(v) / 256)
        << v;
  }
}

TEST_P(PackedLayer, RoundsToTheNearestBfloat16WhereThatIsAskedFor) {
  Rows const x(precision, 9, kIn, random_floats(9 * kIn, 3));
  auto const plain = apply(x.rows);
  std::vector<std::uint16_t> halves(9 * kOut);
  layer.apply(x.rows, {}, {OutputRows::Type::BFloat16, halves.data(), kOut});
  for (std::size_t i = 0; i < halves.size(); ++i)
    ASSERT_EQ(std::bit_cast<float>(static_cast<std::uint32_t>(halves[i]) << 16U), as_bfloat16(plain[i]));
}

INSTANTIATE_TEST_SUITE_P(Every, PackedLayer, testing::ValuesIn(cases_of_this_processor()), [](auto const& tested) {
  return std::string(to_string(tested.param.precision)) + "_" +
         std::to_string(static_cast<int>(tested.param.instructions));
});

TEST(PackedLinear, AnswersWithTheBiasWhereAllInputsOfARowAreZero) {
  Floats const weight = random_floats(20 * 8, 1), bias = random_floats(20, 2);
  PackedLinear const layer({20, 8}, weight.data(), bias.data(), Precision::Int8);
  Rows const zeros(Precision::Int8, 2, 8, Floats(16, 0.0F));
  Floats y(40);
  layer.apply(zeros.rows, {}, {OutputRows::Type::Float32, y.data(), 20});
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], bias[i % 20]);
}

TEST(Precision, HasAWordThatIsReadBack) {
  for (auto const precision : {Precision::Float32, Precision::BFloat16, Precision::Int8})
    EXPECT_EQ(parse_precision(to_string(precision)), precision);
  EXPECT_EQ(parse_precision("fp4"), std::nullopt);
}

}  // namespace
}  // namespace polytask::kernels
