#include "task/task_spec.h"

#include <gmock/gmock.h>

namespace polytask::task {
namespace {
using testing::Contains;

TEST(TaskType, IsReadFromTheWordThatItIsWrittenAs) {
  for (auto const& name : task_type_names()) {
    auto const type = parse_task_type(name);
    ASSERT_TRUE(type) << name;
    EXPECT_EQ(to_string(*type), name);
  }
  EXPECT_EQ(task_type_names().size(), 4u);
  for (auto const* word : {"", "Tagging", "tagging ", "regresion"}) EXPECT_FALSE(parse_task_type(word)) << word;
}

TEST(PairEncoding, IsBiForRegressionUnlessSaidOtherwiseAndNeverForWords) {
  TaskSpec task{.type = TaskType::Regression, .text = {"left", "right"}};
  EXPECT_TRUE(task.encodes_apart());
  task.pair_encoding = PairEncoding::Cross;
  EXPECT_FALSE(task.encodes_apart());
  task = {.type = TaskType::Classification, .text = {"left", "right"}};
  EXPECT_FALSE(task.encodes_apart());
  task.pair_encoding = PairEncoding::Bi;
  EXPECT_TRUE(task.encodes_apart());
  task.text = {"left"};
  EXPECT_FALSE(task.encodes_apart());
  EXPECT_FALSE((TaskSpec{.type = TaskType::Tagging, .text = {"left", "right"}, .pair_encoding = PairEncoding::Bi}.encodes_apart()));
}

TEST(Metrics, OfATypeBeginWithItsDefault) {
  EXPECT_EQ(default_metric(TaskType::Classification), "accuracy");
  EXPECT_EQ(default_metric(TaskType::Multilabel), "micro_f1");
  EXPECT_EQ(default_metric(TaskType::Regression), "pearson");
  EXPECT_EQ(default_metric(TaskType::Tagging), "span_f1");
  for (auto const& name : task_type_names()) {
    auto const type = *parse_task_type(name);
    EXPECT_THAT(metrics_of(type), Contains(default_metric(type)));
  }
}

}  // namespace
}  // namespace polytask::task
