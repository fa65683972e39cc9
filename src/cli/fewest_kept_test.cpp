#include "cli/fewest_kept.h"

#include <gmock/gmock.h>

#include <vector>

namespace polytask::cli {
namespace {

using testing::ElementsAre;

struct Search {
  std::vector<std::size_t> tried;
  std::optional<std::size_t> found;
};

/// Among `n`, of which at least `needed` have to be kept.
Search search(std::size_t n, std::size_t needed) {
  Search result;
  result.found = fewest_kept(n, [&](std::size_t n_kept) {
    result.tried.push_back(n_kept);
    return n_kept >= needed;
  });
  return result;
}

TEST(FewestKept, StopsWhereNothingNeedsToBeKept) {
  EXPECT_EQ(search(24, 0).found, 0U);
  EXPECT_THAT(search(24, 0).tried, ElementsAre(0));
}

TEST(FewestKept, DoublesUntilItIsEnough) {
  EXPECT_EQ(search(24, 3).found, 4U);
  EXPECT_THAT(search(24, 3).tried, ElementsAre(0, 1, 2, 4));
}

TEST(FewestKept, TriesAllAtLast) {
  EXPECT_EQ(search(24, 24).found, 24U);
  EXPECT_THAT(search(24, 25).tried, ElementsAre(0, 1, 2, 4, 8, 16, 24));
  EXPECT_EQ(search(24, 25).found, std::nullopt);
}

TEST(FewestKept, TriesOnceWhereThereIsNothingToKeep) {
  EXPECT_EQ(search(0, 1).found, std::nullopt);
  EXPECT_THAT(search(0, 1).tried, ElementsAre(0));
}

}  // namespace
}  // namespace polytask::cli
