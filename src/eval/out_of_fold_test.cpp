#include "eval/out_of_fold.h"

#include <gmock/gmock.h>

#include <deque>

#include "base/random.h"

namespace polytask::eval {
namespace {

using task::TaskType;

struct Rows {
  std::deque<task::Example> examples;
  LabelledRows labelled;
  void add(std::string text, task::Label label) {
    examples.push_back({.texts = {std::move(text)}});
    labelled.examples.push_back(&examples.back());
    labelled.labels.push_back(std::move(label));
  }
};

/// Ten random words and one that decides: "red" or "blue".
Rows coloured(std::size_t n) {
  Rng rng(5);
  Rows rows;
  for (std::size_t i = 0; i < n; ++i) {
    bool const red = rng.below(2) == 1;
    std::string text;
    for (int w = 0; w < 10; ++w) text += "w" + std::to_string(rng.below(300)) + " ";
    rows.add(text + (red ? "red" : "blue"), std::string(red ? "red" : "blue"));
  }
  return rows;
}

task::LabelSet const kColours({"blue", "red"});

TEST(OutOfFold, AnswersRowsThatItHasNotLearnedFrom) {
  auto const rows = coloured(600);
  auto const found = out_of_fold_scores({.type = TaskType::Classification}, kColours, rows.labelled, {});
  ASSERT_EQ(found.rows.size(), 600U);
  std::size_t n_right = 0;
  for (std::size_t i = 0; i < 600; ++i) {
    float const blue = found.scores[2 * i];
    EXPECT_NEAR(blue + found.scores[2 * i + 1], 1.0F, 1e-5F);
    n_right += (blue > 0.5F) == (std::get<std::string>(rows.labelled.labels[i]) == "blue");
  }
  EXPECT_GT(n_right, 570U);
}

TEST(OutOfFold, LearnsNothingFromLabelsThatMeanNothing) {
  auto rows = coloured(600);
  Rng rng(9);
  for (auto& label : rows.labelled.labels) label = std::string(rng.below(2) == 0 ? "red" : "blue");
  auto const found = out_of_fold_scores({.type = TaskType::Classification}, kColours, rows.labelled, {});
  std::size_t n_right = 0;
  for (std::size_t i = 0; i < 600; ++i)
    n_right += (found.scores[2 * i] > 0.5F) == (std::get<std::string>(rows.labelled.labels[i]) == "blue");
  EXPECT_NEAR(static_cast<double>(n_right) / 600, 0.5, 0.09);  // 4 standard errors: no row knew its own label
}

TEST(OutOfFold, KeepsCopiesOfATextOutOfWhatItLearns) {
  auto rows = coloured(300);
  for (int i = 0; i < 10; ++i) rows.add("Quite another text", std::string("red"));
  rows.add("text, another quite", std::string("blue"));
  auto const found = out_of_fold_scores({.type = TaskType::Classification}, kColours, rows.labelled, {});
  // None of its words stands in the other folds, so every copy gets the same answer, and no certain one.
  for (std::size_t i = 300; i < 310; ++i) {
    EXPECT_EQ(found.scores[2 * i], found.scores[2 * 300]);
    EXPECT_NEAR(found.scores[2 * i], 0.5F, 0.35F);
  }
}

TEST(OutOfFold, GivesTheSameNumbersEveryTime) {
  auto const rows = coloured(200);
  EXPECT_EQ(out_of_fold_scores({.type = TaskType::Classification}, kColours, rows.labelled, {}).scores,
            out_of_fold_scores({.type = TaskType::Classification}, kColours, rows.labelled, {}).scores);
}

TEST(OutOfFold, LooksAtASampleWhereAllWouldTakeTooLong) {
  auto const rows = coloured(400);
  auto const found =
      out_of_fold_scores({.type = TaskType::Classification}, kColours, rows.labelled, {.most_values = 200});
  EXPECT_EQ(found.n_labelled, 400U);
  EXPECT_EQ(found.rows.size(), 100U);
  EXPECT_TRUE(std::is_sorted(found.rows.begin(), found.rows.end()));
}

TEST(OutOfFold, AnswersNumbersInTheirUnits) {
  auto rows = coloured(600);
  for (auto& label : rows.labelled.labels) label = std::get<std::string>(label) == "red" ? 30.0 : 10.0;
  auto const found = out_of_fold_scores({.type = TaskType::Regression}, {}, rows.labelled, {});
  double error = 0;
  for (std::size_t i = 0; i < 600; ++i)
    error += std::abs(static_cast<double>(found.scores[i]) - std::get<double>(rows.labelled.labels[i])) / 600;
  EXPECT_LT(error, 7.0);  // 10 is what the mean would give
}

TEST(OutOfFold, HasNothingToSayWithoutRows) {
  EXPECT_TRUE(out_of_fold_scores({.type = TaskType::Classification}, kColours, {}, {}).rows.empty());
  EXPECT_TRUE(out_of_fold_scores({.type = TaskType::Tagging}, kColours, coloured(9).labelled, {}).rows.empty());
}

}  // namespace
}  // namespace polytask::eval
