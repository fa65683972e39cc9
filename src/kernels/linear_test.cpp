#include "kernels/linear.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

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
  [[nodiscard]] static double tolerance(std::int64_t n_terms) {
    return 2e-6 * (1 + std::sqrt(static_cast<double>(n_terms)) * 4);
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
          expected += static_cast<double>(x[at(row, i, shape.n_in)]) * weight[at(column, i, shape.n_in)];
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
        expected += static_cast<double>(grad_y[at(row, column, shape.row_stride)]) * weight[at(column, i, shape.n_in)];
      ASSERT_NEAR(grad_x[at(row, i, shape.n_in)], expected, tolerance(shape.n_out));
    }
  for (std::int64_t column = 0; column < shape.n_out; ++column) {
    double sum = 0;
    for (std::int64_t row = 0; row < shape.n_rows; ++row) sum += grad_y[at(row, column, shape.row_stride)];
    ASSERT_NEAR(grad_bias[static_cast<std::size_t>(column)], sum, tolerance(shape.n_rows));
    for (std::int64_t i = 0; i < shape.n_in; ++i) {
      double expected = 0;
      for (std::int64_t row = 0; row < shape.n_rows; ++row)
        expected += static_cast<double>(grad_y[at(row, column, shape.row_stride)]) * x[at(row, i, shape.n_in)];
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

TEST(OneDnn, SaysWhichVersionItIs) { EXPECT_THAT(onednn_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+")); }

}  // namespace
}  // namespace polytask::kernels
