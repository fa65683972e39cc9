#include "train/internal/line.h"

#include <gmock/gmock.h>

#include <vector>

namespace polytask::train {
namespace {

TEST(LineThrough, FindsTheLineThatPointsLieOn) {
  std::vector<double> const x{1, 2, 4}, y{5, 3, -1};  // y = 7 - 2 x
  auto const line = line_through(x, y, 0.1);
  EXPECT_NEAR(line.slope, -2, 1e-12);
  EXPECT_NEAR(line.intercept, 7, 1e-12);
}

TEST(LineThrough, KeepsTheSpreadOfValuesThatXDoesNotTell) {
  std::vector<double> const x{-1, 1, -1, 1}, y{-3, -3, 3, 3};  // no correlation: least squares would be flat
  EXPECT_NEAR(line_through(x, y, 0.1).slope, 3, 1e-12);
}

TEST(LineThrough, StaysModerateWhereAllXAreTheSame) {
  std::vector<double> const x{2, 2}, y{-1, 1};
  auto const line = line_through(x, y, 0.5);
  EXPECT_NEAR(line.slope, 2, 1e-12);
  EXPECT_NEAR(line.intercept, -4, 1e-12);
  EXPECT_EQ(line_through({}, {}, 0.5).intercept, 0);
}

}  // namespace
}  // namespace polytask::train
