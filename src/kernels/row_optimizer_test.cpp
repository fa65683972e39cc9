#include "kernels/row_optimizer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kRows = 12;
constexpr std::int64_t kWidth = 70;  // a whole block and a part of one

struct Table {
  std::vector<float> weights, first, second;
  RowTable view() { return {weights, first, second}; }
};

Table random_table() {
  Rng rng(7);
  Table table;
  for (std::int64_t i = 0; i < kRows * kWidth; ++i) table.weights.push_back(static_cast<float>(rng.normal()));
  table.first.assign(table.weights.size(), 0.0F);
  table.second.assign(table.weights.size(), 0.0F);
  return table;
}

/// The rows of a step and their gradients: few rows, and of the last third none of the first ones.
struct Touched {
  std::vector<std::int64_t> rows;
  std::vector<float> gradient;
};
Touched touched_in(std::int64_t step) {
  Rng rng(static_cast<std::uint64_t>(step));
  Touched touched;
  for (std::int64_t row = step > 800 ? kRows / 2 : 0; row < kRows - 1; ++row)  // the last row never
    if (rng.below(6) == 0) touched.rows.push_back(row);
  for (std::size_t i = 0; i < touched.rows.size() * kWidth; ++i)
    touched.gradient.push_back(static_cast<float>(1e-3 * rng.normal()));
  return touched;
}

AdamWStep step_of(std::int64_t step) {
  return {.learning_rate = 1e-3 / (1 + 0.01 * static_cast<double>(step)),
          .weight_decay = 0.1,
          .step = step,
          .gradient_scale = step % 3 == 0 ? 0.5 : 1.0};
}

/// `catches_up(step)`: whether all rows are, after it.
template <typename When>
Table by_rows(std::int64_t n_steps, When const& catches_up) {
  auto table = random_table();
  RowAdamW optimizer(kRows, kWidth, 0);
  for (std::int64_t step = 1; step <= n_steps; ++step) {
    auto const touched = touched_in(step);
    optimizer.catch_up(table.view(), touched.rows);
    optimizer.step(step_of(step), table.view(), touched.rows, touched.gradient);
    if (catches_up(step)) optimizer.catch_up_all(table.view());
  }
  optimizer.catch_up_all(table.view());
  return table;
}

TEST(RowAdamW, IsAdamWOverTheWholeTableToRounding) {
  constexpr std::int64_t kSteps = 1'500;  // long enough that the momentum of some rows ends
  auto whole = random_table();
  for (std::int64_t step = 1; step <= kSteps; ++step) {
    auto const touched = touched_in(step);
    std::vector<float> gradient(whole.weights.size(), 0.0F);
    for (std::size_t i = 0; i < touched.rows.size(); ++i)
      std::copy_n(touched.gradient.begin() + static_cast<std::ptrdiff_t>(i) * kWidth, kWidth,
                  gradient.begin() + touched.rows[i] * kWidth);
    adamw_update(step_of(step), whole.weights, gradient, whole.first, whole.second);
  }
  auto const rows = by_rows(kSteps, [](auto) { return false; });
  for (std::size_t i = 0; i < rows.weights.size(); ++i) {
    ASSERT_NEAR(rows.weights[i], whole.weights[i], 2e-6) << i;
    ASSERT_NEAR(rows.first[i], whole.first[i], 1e-9) << i;
    ASSERT_NEAR(rows.second[i], whole.second[i], 1e-5 * whole.second[i] + 1e-12) << i;
  }
}

TEST(RowAdamW, HowOftenRowsAreCaughtUpChangesNoBit) {
  auto const seldom = by_rows(1'200, [](auto) { return false; });
  auto const often = by_rows(1'200, [](auto step) { return step % 7 == 0; });
  auto const always = by_rows(1'200, [](auto) { return true; });
  EXPECT_EQ(seldom.weights, often.weights);
  EXPECT_EQ(seldom.first, often.first);
  EXPECT_EQ(seldom.second, often.second);
  EXPECT_EQ(seldom.weights, always.weights);
}

TEST(RowAdamW, GoesOnFromWhereATableStands) {
  auto whole = random_table();
  RowAdamW one(kRows, kWidth, 0);
  auto parts = random_table();
  std::vector<RowAdamW> two{RowAdamW(kRows, kWidth, 0)};
  for (std::int64_t step = 1; step <= 60; ++step) {
    auto const touched = touched_in(step);
    one.catch_up(whole.view(), touched.rows);
    one.step(step_of(step), whole.view(), touched.rows, touched.gradient);
    two.back().catch_up(parts.view(), touched.rows);
    two.back().step(step_of(step), parts.view(), touched.rows, touched.gradient);
    if (step == 30) {
      two.back().catch_up_all(parts.view());
      two.emplace_back(kRows, kWidth, step);
    }
  }
  one.catch_up_all(whole.view());
  two.back().catch_up_all(parts.view());
  EXPECT_EQ(whole.weights, parts.weights);
}

TEST(RowAdamW, ARowWithoutAnyGradientOnlyDecays) {
  auto const start = random_table();
  auto const end = by_rows(100, [](auto) { return false; });
  double factor = 1;
  for (std::int64_t step = 1; step <= 100; ++step)
    factor *= 1 - step_of(step).learning_rate * step_of(step).weight_decay;
  for (auto i = static_cast<std::size_t>((kRows - 1) * kWidth); i < start.weights.size(); ++i)
    EXPECT_NEAR(end.weights[i], start.weights[i] * factor, 1e-5);
}

}  // namespace
}  // namespace polytask::kernels
