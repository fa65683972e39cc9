#include "kernels/linear.h"

#include <gmock/gmock.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <array>
#include <cmath>
#include <vector>

#include "kernels/internal/bfloat16.h"
#include "kernels/internal/random_floats.h"

namespace polytask::kernels {
namespace {

/// One layer by its definition, in double, beside the kernels.
class Linear : public testing::TestWithParam<LinearShape> {
 protected:
  LinearShape shape = GetParam();
  Floats x = random_floats(shape.n_rows * shape.n_in, 1);
  Floats weight = random_floats(shape.n_out * shape.n_in, 2);
  Floats bias = random_floats(shape.n_out, 3);
  Floats grad_y = random_floats(shape.n_rows * shape.row_stride, 4);

  [[nodiscard]] std::size_t at(std::int64_t row, std::int64_t column, std::int64_t stride) const {
    return static_cast<std::size_t>(row * stride + column);
  }
  /// Rounding grows with the number of terms.
  [[nodiscard]] double tolerance(std::int64_t n_terms) const {
    return (shape.precision == Precision::Float32 ? 2e-6 : 4e-6) * (1 + std::sqrt(static_cast<double>(n_terms)) * 4);
  }
  /// As the product reads it.
  [[nodiscard]] double read(float value) const {
    return shape.precision == Precision::Float32 ? value : from_bfloat16(to_bfloat16(value));
  }
};

TEST_P(Linear, ForwardIsTheProductPlusTheBiasAndLeavesOtherColumnsAlone) {
  Floats y(grad_y.size(), 7.0F);
  linear_forward(shape, x.data(), weight.data(), bias.data(), y.data());
  for (std::int64_t row = 0; row < shape.n_rows; ++row)
    for (std::int64_t column = 0; column < shape.row_stride; ++column) {
      double expected = 7.0;
      if (column < shape.n_out) {
        expected = bias[static_cast<std::size_t>(column)];
        for (std::int64_t i = 0; i < shape.n_in; ++i)
          expected += read(x[at(row, i, shape.n_in)]) * read(weight[at(column, i, shape.n_in)]);
      }
      ASSERT_NEAR(y[at(row, column, shape.row_stride)], expected, tolerance(shape.n_in)) << row << ", " << column;
    }
}

TEST_P(Linear, BackwardGivesTheGradientsOfInputWeightAndBias) {
  Floats grad_x(x.size()), grad_weight(weight.size()), grad_bias(bias.size());
  linear_backward_input(shape, grad_y.data(), weight.data(), Write::Replace, grad_x.data());
  linear_backward_weight(shape, x.data(), grad_y.data(), grad_weight.data(), grad_bias.data());
  for (std::int64_t row = 0; row < shape.n_rows; ++row)
    for (std::int64_t i = 0; i < shape.n_in; ++i) {
      double expected = 0;
      for (std::int64_t column = 0; column < shape.n_out; ++column)
        expected += read(grad_y[at(row, column, shape.row_stride)]) * read(weight[at(column, i, shape.n_in)]);
      ASSERT_NEAR(grad_x[at(row, i, shape.n_in)], expected, tolerance(shape.n_out));
    }
  for (std::int64_t column = 0; column < shape.n_out; ++column) {
    double sum = 0;
    for (std::int64_t row = 0; row < shape.n_rows; ++row) sum += grad_y[at(row, column, shape.row_stride)];
    ASSERT_NEAR(grad_bias[static_cast<std::size_t>(column)], sum, tolerance(shape.n_rows));
    for (std::int64_t i = 0; i < shape.n_in; ++i) {
      double expected = 0;
      for (std::int64_t row = 0; row < shape.n_rows; ++row)
        expected += read(grad_y[at(row, column, shape.row_stride)]) * read(x[at(row, i, shape.n_in)]);
      ASSERT_NEAR(grad_weight[at(column, i, shape.n_in)], expected, tolerance(shape.n_rows));
    }
  }
}

TEST_P(Linear, AGradientOfTheInputCanBeAddedToAnother) {
  Floats once(x.size()), twice(x.size());
  linear_backward_input(shape, grad_y.data(), weight.data(), Write::Replace, once.data());
  linear_backward_input(shape, grad_y.data(), weight.data(), Write::Replace, twice.data());
  linear_backward_input(shape, grad_y.data(), weight.data(), Write::Add, twice.data());
  for (std::size_t i = 0; i < once.size(); ++i) ASSERT_NEAR(twice[i], 2 * once[i], 2 * tolerance(shape.n_out));
}

TEST_P(Linear, GivesTheSameBitsEachTime) {
  Floats first(grad_y.size()), second(grad_y.size());
  linear_forward(shape, x.data(), weight.data(), bias.data(), first.data());
  linear_forward(shape, x.data(), weight.data(), bias.data(), second.data());
  EXPECT_EQ(first, second);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Linear,
                         testing::Values(LinearShape{1, 8, 3, 3}, LinearShape{37, 32, 32, 96},
                                         LinearShape{5, 384, 1, 1}, LinearShape{130, 65, 130, 131},
                                         LinearShape{0, 4, 4, 4}));

constexpr auto kBFloat16 = Precision::BFloat16;
INSTANTIATE_TEST_SUITE_P(ShapesInBFloat16, Linear,
                         testing::Values(LinearShape{1, 8, 3, 3, kBFloat16}, LinearShape{37, 32, 32, 96, kBFloat16},
                                         LinearShape{5, 384, 1, 1, kBFloat16},
                                         LinearShape{131, 65, 130, 131, kBFloat16},
                                         LinearShape{300, 48, 100, 100, kBFloat16},
                                         LinearShape{0, 4, 4, 4, kBFloat16}));

#ifdef _OPENMP
TEST(LinearInBFloat16, GivesTheSameBitsForAnyNumberOfThreads) {
  LinearShape const shape{301, 70, 99, 99, kBFloat16};
  auto const x = random_floats(shape.n_rows * shape.n_in, 1), weight = random_floats(shape.n_out * shape.n_in, 2);
  auto const bias = random_floats(shape.n_out, 3), grad_y = random_floats(shape.n_rows * shape.n_out, 4);
  auto const all_of = [&](int n_threads) {
    int const before = omp_get_max_threads();
    omp_set_num_threads(n_threads);
    std::array<Floats, 4> results{Floats(grad_y.size()), Floats(x.size()), Floats(weight.size()), Floats(bias.size())};
    linear_forward(shape, x.data(), weight.data(), bias.data(), results[0].data());
    linear_backward_input(shape, grad_y.data(), weight.data(), Write::Replace, results[1].data());
    linear_backward_weight(shape, x.data(), grad_y.data(), results[2].data(), results[3].data());
    omp_set_num_threads(before);
    return results;
  };
  EXPECT_EQ(all_of(1), all_of(2));
  EXPECT_EQ(all_of(1), all_of(5));
}
#endif

TEST(OneDnn, SaysWhichVersionItIs) { EXPECT_THAT(onednn_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+")); }

}  // namespace
}  // namespace polytask::kernels
