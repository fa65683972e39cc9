#include "report/data_page.h"

#include <gmock/gmock.h>

#include "report/finding_words.h"

namespace polytask::report {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> const kKinds{"leakage",
                                      "leakage-across-tasks",
                                      "dev-in-test",
                                      "duplicates",
                                      "contradicting-labels",
                                      "label-clash",
                                      "label-spelling",
                                      "majority-metric",
                                      "few-test-rows",
                                      "no-test-rows",
                                      "label-noise",
                                      "number-noise",
                                      "span-inconsistent",
                                      "label-by-column",
                                      "label-by-time",
                                      "label-by-language",
                                      "label-by-length",
                                      "test-differs",
                                      "empty-texts",
                                      "broken-encoding",
                                      "markup",
                                      "boilerplate",
                                      "mixed-languages",
                                      "texts-cut",
                                      "encoder-adds-nothing"};

TEST(FindingWords, ExistForEveryKindInBothLanguages) {
  for (auto const& kind : kKinds) {
    auto const words = words_of({.kind = kind});
    for (auto const& sentence : {words.title, words.message, words.advice}) {
      EXPECT_FALSE(sentence.en.empty()) << kind;
      EXPECT_FALSE(sentence.ja.empty()) << kind;
      EXPECT_NE(sentence.en, sentence.ja) << kind;
    }
  }
}

TEST(FindingWords, SayTheNumbers) {
  auto const words = words_of(
      {.kind = "leakage", .n = 1'234, .of = 5'000, .numbers = {{"exact", 1'000}, {"near", 234}, {"is_test", 1}}});
  EXPECT_EQ(words.message.en, "1,234 of 5,000 test texts (24.7 %) also stand in training: 1,000 the same, 234 nearly");
  EXPECT_EQ(words.message.ja,
            "テスト 5,000 件のうち 1,234 件(24.7 %)が学習データにもあります(同一 1,000、ほぼ同一 234)");
}

DataPageData hostile_data() {
  std::string const bad = "<script>alert('x')</script>\xE2\x80\xAE\x01";
  DataPageData data{.project = bad};
  for (auto const& kind : kKinds)
    data.audit.findings.push_back({.kind = kind,
                                   .tasks = {bad},
                                   .dataset = bad,
                                   .cost = 1,
                                   .n = 3,
                                   .of = 7,
                                   .names = {bad, bad},
                                   .evidence = {{bad, bad, bad, bad, bad}},
                                   .bars = {{bad, 0.5}, {bad, 0.0}}});
  data.audit.tasks.push_back({.name = bad, .metric = bad, .n = {7, 0, 0}, .labels = {{bad, {7, 0, 0}}}});
  data.audit.datasets.push_back({.name = bad,
                                 .n = {7, 0, 0},
                                 .languages = {{bad, 7}},
                                 .lengths = std::vector<std::size_t>(audit::kLengthSteps, 1)});
  data.problems = {{Severity::Warning, bad, bad, bad}};
  return data;
}

TEST(DataPage, EscapesEverythingThatTheDataGives) {
  auto const page = data_page(hostile_data());
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("\xE2\x80\xAE")));
  EXPECT_THAT(page, Not(HasSubstr("\x01")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
}

TEST(DataPage, LoadsNothing) {
  auto const page = data_page(hostile_data());
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (auto const* from : {"http://", "https://", "src=", "@import", "url("})
    EXPECT_THAT(page, Not(HasSubstr(from))) << from;
}

TEST(DataPage, SaysWhenNothingIsWrong) {
  auto const page = data_page({.project = "p"});
  EXPECT_THAT(page, HasSubstr("Nothing was found that concerns the data as a whole"));
  EXPECT_THAT(page, HasSubstr("データ全体に関わる問題は見つかりませんでした"));
}

}  // namespace
}  // namespace polytask::report
