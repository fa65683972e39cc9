#include "report/data_page.h"

#include <gmock/gmock.h>

#include "report/finding_words.h"
#include "report/internal/sample_audit.h"

namespace polytask::report {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(FindingWords, ExistForEveryKindInBothLanguages) {
  for (auto const& kind : finding_kinds()) {
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

TEST(DataPage, EscapesEverythingThatTheDataGives) {
  auto const page = data_page(hostile_audit());
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("\xE2\x80\xAE")));
  EXPECT_THAT(page, Not(HasSubstr("\x01")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
}

TEST(DataPage, SaysWhatAProbeSaidAndWhyAnotherSaidNothing) {
  auto const page = data_page(hostile_audit());
  for (auto const* words : {"majority, and how far the probe is ahead", "0.250 <small>+0.250 (+0.125 – +0.500)</small>",
                            "the answer of a question is a place", "there is nothing to tell apart",
                            "rows whose words train.max_length leaves whole", "too few labelled rows"})
    EXPECT_THAT(page, HasSubstr(words));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
}

TEST(DataPage, LoadsNothing) {
  auto const page = data_page(hostile_audit());
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
