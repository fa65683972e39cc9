#include "cli/terminal.h"

#include <gmock/gmock.h>

namespace polytask::cli {
namespace {

TEST(Fitting, CutsBetweenCharactersAndCountsWideOnesTwice) {
  EXPECT_EQ(fitting("plain", 10), "plain");
  EXPECT_EQ(fitting("plain", 3), "pla");
  EXPECT_EQ(fitting("Größe", 3), "Grö");
  EXPECT_EQ(fitting("意図 0.5", 3), "意");
  EXPECT_EQ(fitting("意図 0.5", 6), "意図 0");
  EXPECT_EQ(fitting("x😀", 2), "x");
  EXPECT_EQ(fitting("", 5), "");
}

}  // namespace
}  // namespace polytask::cli
