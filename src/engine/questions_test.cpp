#include "engine/questions.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace polytask::engine {
namespace {

using task::TaskType;
using testing::ElementsAre;
using testing::HasSubstr;

model::HeadSpec head_of(std::string const& name, TaskType type, std::vector<std::string> text) {
  model::HeadSpec head;
  head.task = {.name = name, .type = type, .text = std::move(text)};
  return head;
}

model::ModelSpec const kSpec{.heads = {head_of("intent", TaskType::Classification, {"body"}),
                                       head_of("same", TaskType::Classification, {"left", "right"}),
                                       head_of("near", TaskType::Regression, {"left", "right"}),
                                       head_of("urgency", TaskType::Regression, {"body"}),
                                       head_of("places", TaskType::Tagging, {})}};

std::vector<std::vector<std::size_t>> heads_of(std::vector<Question> const& questions) {
  std::vector<std::vector<std::size_t>> heads;
  for (auto const& question : questions) heads.push_back(question.heads);
  return heads;
}

TEST(Questions, AreTasksThatReadTheSameColumnsInTheSameWay) {
  auto const questions = questions_of(kSpec, {});
  EXPECT_THAT(heads_of(questions), ElementsAre(ElementsAre(0u, 3u), ElementsAre(1u), ElementsAre(2u), ElementsAre(4u)))
      << "a similarity encodes its texts apart, and is another question than a classification of the pair";
  EXPECT_THAT(questions[1].columns(), ElementsAre("left", "right"));
  EXPECT_FALSE(questions[1].reads_words());
}

TEST(Questions, AboutWordsReadTheColumnText) {
  std::vector<std::string> const asked{"places"};
  auto const questions = questions_of(kSpec, asked);
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_TRUE(questions[0].reads_words());
  EXPECT_THAT(questions[0].columns(), ElementsAre("text"));
}

TEST(Questions, OfNamedTasksFollowTheModel) {
  std::vector<std::string> const asked{"urgency", "same", "intent", "urgency"};
  EXPECT_THAT(heads_of(questions_of(kSpec, asked)), ElementsAre(ElementsAre(0u, 3u), ElementsAre(1u)));
}

TEST(Questions, NameTheNearestTaskWhenOneIsUnknown) {
  std::vector<std::string> const asked{"intent", "urgncy"};
  try {
    (void)questions_of(kSpec, asked);
    FAIL() << "the model has no such task";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidUsage);
    EXPECT_THAT(error.what(), HasSubstr("the model has no task \"urgncy\"; did you mean \"urgency\"?"));
  }
}

TEST(Words, StandBetweenWhiteSpace) {
  using task::ByteRange;
  EXPECT_THAT(words_of(" She\tlives in\r\n\xc5\x8csaka "),
              ElementsAre(ByteRange{1, 4}, ByteRange{5, 10}, ByteRange{11, 13}, ByteRange{15, 21}));
  EXPECT_TRUE(words_of("").empty());
  EXPECT_TRUE(words_of(" \n").empty());
}

}  // namespace
}  // namespace polytask::engine
