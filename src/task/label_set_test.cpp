#include "task/label_set.h"

#include <gmock/gmock.h>

namespace polytask::task {
namespace {
using testing::HasSubstr;

TEST(LabelSet, NamesTheNearestLabelWhenOneIsUnknown) {
  LabelSet const labels({"negative", "neutral", "positive"});
  auto const index = labels.index_of("positve");
  ASSERT_FALSE(index);
  EXPECT_THAT(index.error().what(), HasSubstr("did you mean \"positive\"?"));
  EXPECT_EQ(labels.index_of("neutral").value(), 1u);
}

TEST(LabelSet, RefusesEmptyAndRepeatedLabels) {
  EXPECT_THROW(LabelSet({"a", ""}), Error);
  EXPECT_THROW(LabelSet({"a", "a"}), Error);
}

}  // namespace
}  // namespace polytask::task
