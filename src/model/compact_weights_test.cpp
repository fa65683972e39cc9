#include "model/compact_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "model/test_support.h"

namespace polytask::model {
namespace {

using namespace test_support;
using testing::ElementsAre;
using testing::HasSubstr;

Tensor random(std::vector<std::int64_t> shape, double deviation) {
  Rng rng(5);
  Tensor tensor{std::move(shape), {}};
  std::int64_t n = 1;
  for (auto const size : tensor.shape) n *= size;
  for (std::int64_t i = 0; i < n; ++i) tensor.values.push_back(static_cast<float>(deviation * rng.normal()));
  return tensor;
}

TEST(CompactWeights, ComeBackWithinHalfTheScaleOfTheirRow) {
  TemporaryFolder const folder;
  auto const matrix = random({7, 50}, 0.3);
  write_compact_weights(folder / ".", {{"m", matrix}});
  auto const file = SafetensorsFile::open(folder / kCompactWeights);
  auto const read = compact_tensor("where", file.tensors(), "m");
  ASSERT_EQ(read.shape, matrix.shape);
  for (std::size_t row = 0; row < 7; ++row) {
    float largest = 0;
    for (std::size_t i = 0; i < 50; ++i) largest = std::max(largest, std::abs(matrix.values[row * 50 + i]));
    for (std::size_t i = 0; i < 50; ++i)
      EXPECT_NEAR(read.values[row * 50 + i], matrix.values[row * 50 + i], largest / 127 * 0.501F);
  }
}

TEST(CompactWeights, KeepTheLargestOfARowAndRowsOfNothing) {
  TemporaryFolder const folder;
  write_compact_weights(folder / ".", {{"m", {{2, 3}, {-2, 1, 0, 0, 0, 0}}}, {"v", {{2}, {0.1F, 1e-9F}}}});
  auto const file = SafetensorsFile::open(folder / kCompactWeights);
  auto const m = compact_tensor("where", file.tensors(), "m");
  EXPECT_EQ(m.values[0], -2);
  EXPECT_THAT(std::vector<float>(m.values.begin() + 2, m.values.end()), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(file.tensors().at("v").to_floats(), ElementsAre(0.1F, 1e-9F));
  EXPECT_TRUE(is_scale(file.tensors(), "m.scale"));
  EXPECT_FALSE(is_scale(file.tensors(), "v"));
}

TEST(CompactWeights, AreNotWrittenWhereOneIsNotFinite) {
  TemporaryFolder const folder;
  EXPECT_THROW(write_compact_weights(folder / ".", {{"m", {{1, 2}, {1, NAN}}}}), Error);
}

TEST(CompactWeights, AtHalfAByteAreOffByATenthOfWhatTheyAre) {
  TemporaryFolder const folder;
  auto const matrix = random({40, 384}, 0.3);
  write_compact_weights(folder / ".", {{"m", matrix}, {"other", matrix}}, {"m"});
  auto const file = SafetensorsFile::open(folder / kCompactWeights);
  EXPECT_EQ(file.tensors().at("m").bytes.size(), 40U * 192U);
  EXPECT_EQ(file.tensors().at("other").bytes.size(), 40U * 384U) << "what is not named keeps a byte";
  EXPECT_TRUE(is_scale(file.tensors(), "m.scale"));
  auto const read = compact_tensor("where", file.tensors(), "m");
  ASSERT_EQ(read.shape, matrix.shape);
  double error = 0, all = 0;
  for (std::size_t i = 0; i < matrix.values.size(); ++i) {
    error += std::pow(read.values[i] - matrix.values[i], 2);
    all += std::pow(matrix.values[i], 2);
  }
  // The best 16 evenly spaced values for a normal distribution leave 0.0115 of its variance (Max 1960, table II).
  EXPECT_GT(error / all, 0.009);
  EXPECT_LT(error / all, 0.013);
}

TEST(CompactWeights, AtHalfAByteKeepRowsOfNothingAndOddRowsWhole) {
  TemporaryFolder const folder;
  write_compact_weights(folder / ".", {{"m", {{2, 2}, {-3, 3, 0, 0}}}, {"odd", {{1, 3}, {1, 2, 3}}}}, {"m", "odd"});
  auto const file = SafetensorsFile::open(folder / kCompactWeights);
  EXPECT_THAT(compact_tensor("where", file.tensors(), "m").values, ElementsAre(-3, 3, 0, 0));
  EXPECT_EQ(file.tensors().at("odd").dtype, DType::I8);
}

TEST(CompactWeights, AtHalfAByteTheFirstOfTwoValuesStandsLow) {
  TemporaryFolder const folder;
  write_compact_weights(folder / ".", {{"m", {{1, 2}, {-7.5F, 7.5F}}}}, {"m"});
  auto const file = SafetensorsFile::open(folder / kCompactWeights);
  EXPECT_EQ(static_cast<int>(file.tensors().at("m").bytes[0]), 0xF0);
}

TEST(CompactWeights, RowsOfNearlyNothingBecomeNothing) {
  TemporaryFolder const folder;
  write_compact_weights(folder / ".", {{"m", {{1, 2}, {1e-45F, 0}}}}, {"m"});
  auto const file = SafetensorsFile::open(folder / kCompactWeights);
  for (float const value : compact_tensor("where", file.tensors(), "m").values) EXPECT_NEAR(value, 0, 1e-40);
}

class DamagedScale : public testing::Test {
 protected:
  void expect_refused(std::vector<TensorToWrite> tensors, std::string const& reason) {
    write_safetensors(folder / kCompactWeights, std::move(tensors));
    auto const file = SafetensorsFile::open(folder / kCompactWeights);
    try {
      (void)compact_tensor("where", file.tensors(), "m");
      FAIL() << "accepted";
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
      EXPECT_THAT(error.what(), AllOf(HasSubstr("where: tensor \"m\""), HasSubstr(reason)));
    }
  }
  TemporaryFolder const folder;
  std::vector<std::int8_t> const bytes{1, 2, 3, 4};
  [[nodiscard]] TensorToWrite matrix() const { return {"m", DType::I8, {2, 2}, std::as_bytes(std::span(bytes))}; }
};

TEST_F(DamagedScale, IsMissing) {
  expect_refused({matrix()}, "without a scale");
  expect_refused({{"m", DType::U8, {2, 2}, std::as_bytes(std::span(bytes))}}, "without a scale");
}

TEST_F(DamagedScale, HasAnotherLength) {
  std::vector<float> const scales{1, 2, 3};
  expect_refused({matrix(), {"m.scale", DType::F32, {3}, std::as_bytes(std::span(scales))}}, "expected F32 [2]");
}

TEST_F(DamagedScale, IsNegativeOrNotFinite) {
  for (float const wrong : {-1.0F, INFINITY, NAN, 3e38F}) {
    std::vector<float> const scales{1, wrong};
    expect_refused({matrix(), {"m.scale", DType::F32, {2}, std::as_bytes(std::span(scales))}}, "damaged");
  }
}

}  // namespace
}  // namespace polytask::model
