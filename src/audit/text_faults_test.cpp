#include "audit/text_faults.h"

#include <gtest/gtest.h>

namespace polytask::audit {
namespace {

TEST(TextFaults, SeesMarkup) {
  for (auto const* text : {"hello<br/>world", "<p>hello", "a <a href=\"x\">link</a>", "fish &amp; chips", "it&#39;s"})
    EXPECT_TRUE(text_faults(text).markup) << text;
}

TEST(TextFaults, TakesNoComparisonForMarkup) {
  for (auto const* text :
       {"a < b and c > d", "I <3 you", "vector<int> x", "AT&T; and more", "R&D", "x<y", "<user> wrote"})
    EXPECT_FALSE(text_faults(text).markup) << text;
}

TEST(TextFaults, SeesBrokenEncodings) {
  EXPECT_TRUE(text_faults("caf\xC3\x83\xC2\xA9").broken_encoding);                  // "cafÃ©"
  EXPECT_TRUE(text_faults("it\xC3\xA2\xE2\x82\xAC\xE2\x84\xA2s").broken_encoding);  // "itâ€™s"
  EXPECT_TRUE(text_faults("lost \xEF\xBF\xBD").broken_encoding);
  EXPECT_TRUE(text_faults("\xC3\xA3\xC2\x82\xC2\xAB").broken_encoding);  // a kana read as Latin-1
  EXPECT_FALSE(text_faults("caf\xC3\xA9 for 5\xC2\xA0\xE2\x82\xAC").broken_encoding);
  EXPECT_FALSE(text_faults("\xC3\x84rger, \xC3\x82ge, p\xC3\xA2t\xC3\xA9").broken_encoding);
  EXPECT_FALSE(text_faults("カードが届かない").broken_encoding);
}

TEST(TextFaults, SeesTextsThatSayNothing) {
  EXPECT_TRUE(text_faults(" ?! ").empty);
  EXPECT_FALSE(text_faults("7").empty);
}

TEST(Boilerplate, IsWhatManyDifferentTextsEndWith) {
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i)
    texts.push_back(
        "text number " + std::to_string(i) +
        (i % 4 == 0 ? " - sent from my phone, please excuse typos" : " of two hundred, " + std::to_string(i * i)));
  auto const found = boilerplate(texts.size(), [&](std::size_t i) -> std::string_view { return texts[i]; });
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].at_end);
  EXPECT_EQ(found[0].texts.size(), 50U);
  EXPECT_NE(found[0].words.find("excuse typos"), std::string::npos);
}

TEST(Boilerplate, IsNotTheSameTextTwice) {
  std::vector<std::string> const texts(100, "hello world");
  EXPECT_TRUE(boilerplate(texts.size(), [&](std::size_t i) -> std::string_view { return texts[i]; }).empty());
}

}  // namespace
}  // namespace polytask::audit
