#include "train/task_stop.h"

#include <gtest/gtest.h>

#include <limits>

namespace polytask::train {
namespace {

constexpr double kOneRow = 0.1;
constexpr std::int64_t kPatience = 2;

TEST(TaskStop, ATaskStopsAfterSoManyEvaluationsInARowWithoutABetterScore) {
  TaskProgress progress;
  std::int64_t step = 0;
  for (double const score : {0.5, 0.3, 0.6, 0.6, 0.2}) {
    EXPECT_FALSE(progress.has_stopped());
    (void)note_score(progress, score, ++step, kOneRow, kPatience);
  }
  EXPECT_EQ(progress.stopped_step, 5) << "the 0.6 of step 4 is no better than that of step 3";
  EXPECT_EQ(progress.best_score, 0.6);
}

TEST(TaskStop, TheLastOfScoresThatOneDevRowSetsApartIsKept) {
  TaskProgress progress;
  EXPECT_TRUE(note_score(progress, 0.5, 1, kOneRow, 10));
  EXPECT_TRUE(note_score(progress, 0.45, 2, kOneRow, 10)) << "less than a row below";
  EXPECT_FALSE(note_score(progress, 0.3, 3, kOneRow, 10));
  EXPECT_EQ(progress.kept_step, 2);
  EXPECT_EQ(progress.best_score, 0.5) << "or scores that sink by less than a row each time would all be kept";
}

TEST(TaskStop, AnUndefinedScoreCountsAsNothing) {
  TaskProgress progress;
  EXPECT_TRUE(note_score(progress, std::numeric_limits<double>::quiet_NaN(), 1, kOneRow, kPatience));
  EXPECT_EQ(progress.best_score, 0);
  EXPECT_TRUE(note_score(progress, -0.5, 2, 0.6, kPatience)) << "a correlation may be negative";
}

TEST(TaskStop, TheFirstScoreIsBetterThanNoneEvenWhereItIsNegative) {
  TaskProgress progress;
  EXPECT_TRUE(note_score(progress, -0.4, 1, 0.0, kPatience));
  EXPECT_EQ(progress.best_score, -0.4);
  EXPECT_EQ(progress.n_evaluations_without_better, 0);
}

}  // namespace
}  // namespace polytask::train
