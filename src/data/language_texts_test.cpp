#include "data/language_texts.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"

namespace polytask::data {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

std::filesystem::path file_of(std::string const& name, std::string const& bytes) {
  auto const path = std::filesystem::path(testing::TempDir()) / ("language-texts-" + name);
  write_file_atomically(path, bytes);
  return path;
}

LanguageTexts read(TextSource const& source) {
  SeenTexts seen;
  return read_language_texts(source, seen);
}

std::vector<std::string> texts_of(LanguageTexts const& read) {
  std::vector<std::string> texts;
  for (auto const& text : read.texts) texts.push_back((text.begins ? "" : "+") + text.text);
  return texts;
}

TEST(LanguageTexts, AnEmptyLineEndsADocument) {
  EXPECT_THAT(texts_of(read({.files = {file_of("a.txt", "one\ntwo\n\n\n three \n")}})),
              ElementsAre("one", "+two", "three"));
}

TEST(LanguageTexts, WithoutEmptyLinesEveryLineIsADocument) {
  EXPECT_THAT(texts_of(read({.files = {file_of("b.txt", "one\r\ntwo\r\nthree\n\n")}})),
              ElementsAre("one", "two", "three"));
}

TEST(LanguageTexts, SentencesEndWithTheirMarks) {
  auto const file = file_of("c.txt", "It is 3.5 m. Really? 猫だ。犬も！\n");
  EXPECT_THAT(texts_of(read({.files = {file}, .unit = TextUnit::Sentence})),
              ElementsAre("It is 3.5 m.", "Really?", "猫だ。", "犬も！"));
}

TEST(LanguageTexts, ARepeatedTextIsTakenOnce) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += "the same line\n";
  auto const texts = read({.files = {file_of("d.txt", bytes)}});
  EXPECT_THAT(texts_of(texts), ElementsAre("the same line"));
  EXPECT_EQ(texts.n_repeated, 999);
}

TEST(LanguageTexts, ALineWithoutAnEndIsCutBetweenCharacters) {
  std::string bytes;
  for (int i = 0; i < 1'200'000; ++i) bytes += i % 7 == 0 ? "猫" : "犬";
  auto const texts = read({.files = {file_of("e.txt", bytes)}});
  std::string joined;
  for (auto const& text : texts.texts) {
    EXPECT_LE(text.text.size(), kLongestText);
    EXPECT_FALSE(find_invalid_utf8(text.text));
    joined += text.text;
  }
  // Pieces of a pattern repeat; what is left is the beginning of the line.
  EXPECT_EQ(bytes.substr(0, kLongestText - 4), joined.substr(0, kLongestText - 4));
  EXPECT_GT(texts.texts.size(), 1);
}

TEST(LanguageTexts, AColumnOfATableAndWhatTheTeacherReads) {
  auto const file = file_of("f.jsonl", "{\"ja\": \"猫\", \"en\": \"cat\"}\n{\"ja\": null}\n");
  auto const texts = read({.files = {file}, .column = "ja", .teacher_column = "en"});
  EXPECT_THAT(texts_of(texts), ElementsAre("猫"));
  EXPECT_EQ(texts.texts[0].teacher_text, "cat");
  EXPECT_EQ(texts.n_empty, 1);
}

template <typename Work>
std::string message_of(Work const& work) {
  try {
    work();
  } catch (Error const& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(LanguageTexts, AMissingColumnNamesThoseThatAreThere) {
  auto const file = file_of("g.jsonl", "{\"body\": \"x\", \"label\": \"y\"}\n");
  EXPECT_THAT(message_of([&] { (void)read({.files = {file}}); }),
              testing::AllOf(HasSubstr("\"text\""), HasSubstr("body, label")));
}

TEST(LanguageTexts, AnotherEncodingIsRefusedWithItsLine) {
  auto const file = file_of("h.txt", "fine\n\x82\xa0\x82\xa2\n");  // Shift_JIS
  EXPECT_THAT(message_of([&] { (void)read({.files = {file}}); }),
              testing::AllOf(HasSubstr(":2: is not UTF-8"), HasSubstr("iconv")));
}

}  // namespace
}  // namespace polytask::data
