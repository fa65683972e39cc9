#include "kernels/internal/operand_packing.h"

#include <gmock/gmock.h>

#include "kernels/internal/bfloat16.h"
#include "kernels/internal/random_floats.h"

namespace polytask::kernels {
namespace {

using Steps = std::vector<Step>;
constexpr Step kUntouched = 0xDEADBEEF;
constexpr auto kPanel = PackedLinear::kPanel;

/// By definition. Element i of row r is values[r * row_stride + i * inner_stride].
Step step_of(Floats const& values, std::int64_t row_at, std::int64_t inner_stride, std::int64_t k, std::int64_t step) {
  auto const half = [&](std::int64_t i) {
    return i < k ? to_bfloat16(values[static_cast<std::size_t>(row_at + i * inner_stride)]) : std::uint16_t{0};
  };
  return static_cast<Step>(half(2 * step + 1)) << 16U | half(2 * step);
}

struct Sizes {
  std::int64_t n_rows, k;
};

class OperandPackingOf : public testing::TestWithParam<std::tuple<InstructionSet, Sizes>> {
 protected:
  void SetUp() override {
    if (std::get<0>(GetParam()) > detected_instructions()) GTEST_SKIP() << "not on this processor";
  }
  OperandPacking packing = operand_packing(std::get<0>(GetParam()), Precision::BFloat16);
  std::int64_t n_rows = std::get<1>(GetParam()).n_rows, k = std::get<1>(GetParam()).k;
  std::int64_t n_steps = (k + 1) / 2;
  static Steps untouched(std::int64_t n) { return Steps(static_cast<std::size_t>(n), kUntouched); }
};

TEST_P(OperandPackingOf, ARowBecomesItsSteps) {
  auto const values = random_floats(k, 1);
  auto out = untouched(n_steps + 1);
  packing.row(values.data(), k, out.data());
  for (std::int64_t step = 0; step < n_steps; ++step)
    ASSERT_EQ(out[static_cast<std::size_t>(step)], step_of(values, 0, 1, k, step)) << step;
  EXPECT_EQ(out.back(), kUntouched);
}

TEST_P(OperandPackingOf, APanelHasRowsSideBySideAndZerosBeyondThem) {
  auto const rows = std::min(n_rows, kPanel);
  auto const stride = k + 3;
  auto const values = random_floats(rows * stride, 2);
  auto out = untouched(n_steps * kPanel + 1);
  packing.panel(values.data(), stride, rows, k, out.data());
  for (std::int64_t step = 0; step < n_steps; ++step)
    for (std::int64_t r = 0; r < kPanel; ++r)
      ASSERT_EQ(out[static_cast<std::size_t>(step * kPanel + r)],
                r < rows ? step_of(values, r * stride, 1, k, step) : 0)
          << step << ", " << r;
  EXPECT_EQ(out.back(), kUntouched);
}

TEST_P(OperandPackingOf, ColumnsOfMemoryBecomeStepsSideBySideOrApartAndNothingElseIsWritten) {
  auto const stride = n_rows + 5;
  auto const values = random_floats(k * stride, 3);
  auto beside = untouched(n_steps * (n_rows + 1));
  packing.columns(values.data(), stride, n_rows, k, beside.data(), n_rows + 1);
  auto apart = untouched(n_rows * (n_steps + 1));
  packing.columns_apart(values.data(), stride, n_rows, k, apart.data(), n_steps + 1);
  for (std::int64_t step = 0; step <= n_steps; ++step)
    for (std::int64_t r = 0; r <= n_rows; ++r) {
      auto const expected = step < n_steps && r < n_rows ? step_of(values, r, stride, k, step) : kUntouched;
      if (step < n_steps) {
        ASSERT_EQ(beside[static_cast<std::size_t>(step * (n_rows + 1) + r)], expected) << step << ", " << r;
      }
      if (r < n_rows) {
        ASSERT_EQ(apart[static_cast<std::size_t>(r * (n_steps + 1) + step)], expected) << step << ", " << r;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, OperandPackingOf,
                         testing::Combine(testing::Values(InstructionSet::Portable, InstructionSet::Avx512Bf16),
                                          testing::Values(Sizes{1, 1}, Sizes{8, 32}, Sizes{7, 33}, Sizes{16, 64},
                                                          Sizes{17, 47}, Sizes{32, 95}, Sizes{5, 2})));

}  // namespace
}  // namespace polytask::kernels
