#include "kernels/rotary.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>

#include "kernels/internal/random_floats.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kHeadSize = 12;
constexpr std::int64_t kHeads = 3;
constexpr std::int64_t kWidth = kHeads * kHeadSize;

double product(float const* a, float const* b) {
  double sum = 0;
  for (std::int64_t k = 0; k < kHeadSize; ++k) sum += static_cast<double>(a[k]) * b[k];
  return sum;
}

TEST(Rotary, TurnsEachPairOfAHeadByTheAngleOfItsPlace) {
  RotaryTable const table(40, kHeadSize, 100.0);
  auto row = random_floats(static_cast<std::size_t>(kWidth), 1);
  auto const before = row;
  rotate_heads(table, 31, 2, Turn::Forth, row.data());
  for (std::int64_t head = 0; head < kHeads; ++head)
    for (std::int64_t k = 0; k < kHeadSize / 2; ++k) {
      double const angle = head < 2 ? 31 * std::pow(100.0, -2.0 * static_cast<double>(k) / kHeadSize) : 0;  // 2 heads
      auto const a = static_cast<std::size_t>(head * kHeadSize + k);
      auto const b = a + kHeadSize / 2;
      EXPECT_NEAR(row[a], before[a] * std::cos(angle) - before[b] * std::sin(angle), 1e-5);
      EXPECT_NEAR(row[b], before[b] * std::cos(angle) + before[a] * std::sin(angle), 1e-5);
    }
}

TEST(Rotary, MakesProductsDependOnTheDistanceAlone) {
  RotaryTable const table(64, kHeadSize, 10'000.0);
  auto const query = random_floats(static_cast<std::size_t>(kHeadSize), 2);
  auto const key = random_floats(static_cast<std::size_t>(kHeadSize), 3);
  auto const score = [&](std::int64_t i, std::int64_t j) {
    auto q = query;
    auto k = key;
    rotate_heads(table, i, 1, Turn::Forth, q.data());
    rotate_heads(table, j, 1, Turn::Forth, k.data());
    return product(q.data(), k.data());
  };
  for (std::int64_t shift = 1; shift < 50; shift += 7) EXPECT_NEAR(score(3 + shift, 10 + shift), score(3, 10), 1e-5);
  EXPECT_GT(std::abs(score(3, 11) - score(3, 10)), 1e-3);
}

TEST(Rotary, TurnsBackWhatItTurned) {
  RotaryTable const table(9, kHeadSize, 160'000.0);
  std::vector<std::int32_t> const offsets{0, 1, 1, 9, 14};
  auto rows = random_floats(static_cast<std::size_t>(14 * kWidth), 4);
  auto const before = rows;
  rotate_texts(table, offsets, kHeads, kWidth, Turn::Forth, rows.data());
  for (std::int64_t i = 0; i < kWidth; ++i) {  // the first token of each text stays where it is
    auto const at = static_cast<std::size_t>(9 * kWidth + i);
    EXPECT_EQ(rows[at], before[at]);
  }
  EXPECT_NE(rows.back(), before.back());
  rotate_texts(table, offsets, kHeads, kWidth, Turn::Back, rows.data());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_NEAR(rows[i], before[i], 1e-6);
}

// Loss = sum(rotated * weights); its gradient is the weights turned back.
TEST(Rotary, GradientEqualsFiniteDifferences) {
  RotaryTable const table(6, kHeadSize, 50.0);
  std::vector<std::int32_t> const offsets{0, 2, 8};
  auto rows = random_floats(static_cast<std::size_t>(8 * kWidth), 5);
  auto gradient = random_floats(rows.size(), 6);
  auto const weights = gradient;
  rotate_texts(table, offsets, kHeads, kWidth, Turn::Back, gradient.data());
  auto const loss = [&] {
    auto turned = rows;
    rotate_texts(table, offsets, kHeads, kWidth, Turn::Forth, turned.data());
    double sum = 0;
    for (std::size_t i = 0; i < turned.size(); ++i) sum += static_cast<double>(turned[i]) * weights[i];
    return sum;
  };
  constexpr float kStep = 1e-2F;
  for (std::size_t i = 0; i < rows.size(); i += 5) {
    float const kept = rows[i];
    rows[i] = kept + kStep;
    double const above = loss();
    rows[i] = kept - kStep;
    double const below = loss();
    rows[i] = kept;
    EXPECT_NEAR((above - below) / (2 * kStep), gradient[i], 1e-4) << i;
  }
}

TEST(Rotary, OfBfloat16IsThatOfFloatsUpToItsRounding) {
  RotaryTable const table(40, kHeadSize, 10'000.0);
  std::vector<std::uint16_t> halves(static_cast<std::size_t>(kWidth), 0x3F80);  // 1.0
  std::vector<float> floats(halves.size(), 1.0F);
  rotate_heads(table, 23, kHeads, halves.data());
  rotate_heads(table, 23, kHeads, Turn::Forth, floats.data());
  for (std::size_t i = 0; i < halves.size(); ++i)
    EXPECT_NEAR(std::bit_cast<float>(static_cast<std::uint32_t>(halves[i]) << 16U), floats[i], 0.004 * 2);
}

}  // namespace
}  // namespace polytask::kernels
