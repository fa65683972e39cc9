#include "task/bio.h"

#include <gmock/gmock.h>

namespace polytask::task {
namespace {
using testing::ElementsAre;
using Tags = std::vector<std::string>;

TEST(Bio, ReadsSpansAsSeqevalDoes) {
  // seqeval 1.2.2: get_entities(tags), default mode
  EXPECT_THAT(spans_of_tags(Tags{"B-PER", "I-PER", "O", "B-LOC"}),
              ElementsAre(WordSpan{0, 2, "PER"}, WordSpan{3, 4, "LOC"}));
  EXPECT_THAT(spans_of_tags(Tags{"O", "I-PER", "I-LOC"}), ElementsAre(WordSpan{1, 2, "PER"}, WordSpan{2, 3, "LOC"}));
  EXPECT_THAT(spans_of_tags(Tags{"S-PER", "E-PER", "B-LOC", "E-LOC"}),
              ElementsAre(WordSpan{0, 1, "PER"}, WordSpan{1, 2, "PER"}, WordSpan{2, 4, "LOC"}));
  EXPECT_THAT(spans_of_tags(Tags{"B-a", "B-a", "I-b"}),
              ElementsAre(WordSpan{0, 1, "a"}, WordSpan{1, 2, "a"}, WordSpan{2, 3, "b"}));
}

TEST(Bio, NamesContinuationsThatContinueNothing) {
  EXPECT_THAT(stray_continuations(Tags{"I-a", "O", "B-a", "I-b", "I-b"}), ElementsAre(0u, 3u));
}

TEST(Bio, KnowsWhatATagIs) {
  EXPECT_TRUE(is_tag("O"));
  EXPECT_TRUE(is_tag("B-creative-work"));
  EXPECT_FALSE(is_tag("B-"));
  EXPECT_FALSE(is_tag("B_PER"));
  EXPECT_FALSE(is_tag("PER"));
}

}  // namespace
}  // namespace polytask::task
