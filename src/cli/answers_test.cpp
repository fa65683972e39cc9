#include "cli/answers.h"

#include <gmock/gmock.h>

#include <cmath>

namespace polytask::cli {
namespace {

std::vector<std::string> const kTexts{"x"};

TEST(GoldJson, CountsSpansInCharacters) {
  std::string const text = "Größe 😀 lamp";
  auto const begin = text.find("lamp");
  EXPECT_EQ(gold_json(std::vector<task::Span>{{begin, begin + 4, "a"}}, std::vector{text}).dump(), R"([[8,12,"a"]])");
}

TEST(GoldJson, SaysWhatTheRowSays) {
  EXPECT_EQ(gold_json(std::string("a"), kTexts).dump(), "\"a\"");
  EXPECT_EQ(gold_json(std::vector<std::string>{"a", "b"}, kTexts).dump(), R"(["a","b"])");
  EXPECT_EQ(gold_json(0.5, kTexts).dump(), "0.5");
  EXPECT_EQ(gold_json(task::Choice{3}, kTexts).dump(), "3");
  EXPECT_EQ(gold_json(task::Label{}, kTexts).dump(), "null");
}

TEST(GoldJson, HasAnswersAsFilesHaveThem) {
  std::vector<std::string> const texts{"what?", "Größe 😀"};
  auto const begin = texts[1].find("😀");
  EXPECT_EQ(gold_json(task::Answers{{{begin, begin + 4, "😀"}}}, texts).dump(), R"([{"text":"😀","answer_start":6}])");
  EXPECT_EQ(gold_json(task::Answers{}, texts).dump(), "[]");
}

TEST(ScoresJson, GivesNullForWhatIsUndefined) {
  eval::Score const undefined{std::nan(""), {std::nan(""), std::nan("")}};
  EXPECT_EQ(
      scores_json({.task = "t", .metric = "pearson", .primary = undefined, .n = 1, .all = {{"pearson", undefined}}})
          .dump(),
      R"({"metric":"pearson","value":null,"interval":[null,null],"n":1,"all":{"pearson":{"value":null,"interval":[null,null]}}})");
}

TEST(ScoresJson, HasTheConfusionOfLabels) {
  auto json = scores_json({.confusion_labels = {"a", "b"}, .confusion = {{3, 1}, {0, 2}}});
  EXPECT_EQ(json["confusion"].dump(), "[[3,1],[0,2]]");
  EXPECT_EQ(json["confusion_labels"].dump(), R"(["a","b"])");
  json = scores_json({.confusion_by_label = {{"a", {1, 2, 3, 4}}}});
  EXPECT_EQ(json["confusion_by_label"].dump(), R"({"a":{"tp":1,"fp":2,"fn":3,"tn":4}})");
  EXPECT_FALSE(json.contains("confusion"));
}

}  // namespace
}  // namespace polytask::cli
