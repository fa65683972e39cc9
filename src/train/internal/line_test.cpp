#include "train/internal/line.h"

#include <gmock/gmock.h>

#include <vector>

namespace polytask::train {
namespace {

/// y = 7 - 2 x at 16 places.
std::vector<double> const kX{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
std::vector<double> const kFalling{7, 5, 3, 1, -1, -3, -5, -7, -9, -11, -13, -15, -17, -19, -21, -23};

TEST(LineThrough, FindsTheLineThatPointsLieOn) {
  auto const falling = line_through(kX, kFalling, 0.1);
  EXPECT_NEAR(falling.slope, -2, 1e-12);
  EXPECT_NEAR(falling.intercept, 7, 1e-12);
  EXPECT_NEAR(line_through(kX, kX, 0.1).slope, 1, 1e-12);
}

TEST(LineThrough, KeepsTheSpreadOfValuesThatXDoesNotTell) {
  std::vector<double> const x{-1, 1, -1, 1}, y{-3, -3, 3, 3};  // no correlation: least squares would be flat
  EXPECT_NEAR(line_through(x, y, 0.1).slope, 3, 1e-12);
}

TEST(LineThrough, TakesAFewPointsThatHappenToFallForNoise) {
  std::vector<double> const x{1, 2, 4}, y{5, 3, -1};
  EXPECT_GT(line_through(x, y, 0.1).slope, 0);
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
