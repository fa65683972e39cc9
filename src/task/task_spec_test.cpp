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
  EXPECT_EQ(task_type_names().size(), 6u);
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
  EXPECT_FALSE((TaskSpec{.type = TaskType::Tagging, .text = {"left", "right"}, .pair_encoding = PairEncoding::Bi}
                    .encodes_apart()));
}

TEST(PairEncoding, IsReadFromTheWordThatItIsWrittenAs) {
  for (auto const encoding : {PairEncoding::Cross, PairEncoding::Bi})
    EXPECT_EQ(parse_pair_encoding(to_string(encoding)), encoding);
  EXPECT_FALSE(parse_pair_encoding("Bi"));
}

TEST(Tasks, ReadAlikeWhereOnePassOfAnEncoderServesBoth) {
  TaskSpec const sentiment{.type = TaskType::Classification, .text = {"text"}};
  TaskSpec const names{.type = TaskType::Tagging, .text = {"text"}};
  EXPECT_TRUE(read_alike(sentiment, names));
  EXPECT_FALSE(read_alike(sentiment, {.type = TaskType::Classification, .text = {"title"}}));
  EXPECT_FALSE(read_alike(names, {.type = TaskType::Tagging, .text = {"text"}, .tokens_column = 2}));
  EXPECT_FALSE(read_alike({.type = TaskType::Classification, .text = {"a", "b"}},
                          {.type = TaskType::Regression, .text = {"a", "b"}}))
      << "a similarity encodes the texts apart";
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
