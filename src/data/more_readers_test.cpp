// Lists of JSON objects, CoNLL-U and plain texts.
#include <gmock/gmock.h>

#include <sstream>

#include "data/row_test_support.h"

namespace polytask::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Read = test_support::RowsRead;

Read read(std::string const& bytes, Format format, std::string const& name = "f") {
  return test_support::read(bytes, format, {}, name);
}

std::string text_of(Row const& row, std::string_view column) { return std::get<std::string>(*row.find(column)); }

TEST(JsonList, IsReadObjectByObject) {
  auto const found =
      read("[\n  {\"text\": \"a ] } , \\\" b\", \"label\": \"x\"},\n  {\n  \"text\": \"c\"}\n]\n", Format::Jsonl);
  EXPECT_TRUE(found.errors.empty());
  ASSERT_EQ(found.rows.size(), 2U);
  EXPECT_EQ(text_of(found.rows[0], "text"), "a ] } , \" b");
  EXPECT_EQ(found.rows[0].line, 2U);
  EXPECT_EQ(found.rows[1].line, 3U);
}

TEST(JsonList, CountsObjectsThatShareALine) {
  auto const found = read("[{\"a\": \"x\"}, {\"a\": \"y\"},{\"a\": \"z\"}]", Format::Jsonl);
  ASSERT_EQ(found.rows.size(), 3U);
  EXPECT_THAT((std::vector{found.rows[0].line, found.rows[1].line, found.rows[2].line}), ElementsAre(1U, 2U, 3U));
}

TEST(JsonList, SaysWhatIsNoObjectAndGoesOn) {
  auto const found = read("[{\"a\": \"x\"}, 7, {\"a\": }, {\"a\": \"y\"}]", Format::Jsonl);
  EXPECT_EQ(found.rows.size(), 2U);
  ASSERT_EQ(found.errors.size(), 2U);
  EXPECT_THAT(found.errors[0], HasSubstr("is not a JSON object"));
}

TEST(JsonList, MustEndAndEndTheFile) {
  EXPECT_THAT(read("[\n{\"a\": \"x\"},\n", Format::Jsonl).errors, ElementsAre(HasSubstr("the list has no end")));
  EXPECT_THAT(read("[{\"a\": \"x\"}]\n{\"a\": \"y\"}\n", Format::Jsonl).errors,
              ElementsAre(HasSubstr("behind the end of the list")));
  EXPECT_TRUE(read("[{\"a\": \"x\"}]\n\n", Format::Jsonl).errors.empty());
}

TEST(JsonList, IsNoRowThatIsAList) {
  auto const found = read("[1, 2]\n{\"a\": \"y\"}\n", Format::Jsonl);
  EXPECT_EQ(found.rows.size(), 1U);
  EXPECT_EQ(found.errors.size(), 1U);
}

TEST(Spans, MayBeObjects) {
  auto const found = read(
      "{\"y\": [{\"name\": \"Nara\", \"span\": [3, 7], \"type\": \"PLACE\"}, {\"start\": 9, \"end\": 11, \"label\": "
      "\"X\"}]}",
      Format::Jsonl);
  ASSERT_EQ(found.rows.size(), 1U);
  auto const& spans = std::get<std::vector<task::Span>>(*found.rows[0].find("y"));
  EXPECT_THAT(spans, ElementsAre(task::Span{3, 7, "PLACE"}, task::Span{9, 11, "X"}));
}

constexpr char const* kSentence =
    "# text = Ken met her\n1\tKen\tKen\tPROPN\tNNP\t_\t2\tnsubj\t_\t_\n2-3\tmether\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "2\tmet\tmeet\tVERB\tVBD\t_\t0\troot\t_\t_\n2.1\tx\t_\tVERB\t_\t_\t_\t_\t_\t_\n3\ther\tshe\t_\tPRP\t_\t2\tobj\t_\t_"
    "\n\n";

TEST(ConlluReader, GivesTagsOfSingleWords) {
  auto const found = read(kSentence, Format::Conllu);
  EXPECT_TRUE(found.errors.empty());
  ASSERT_EQ(found.rows.size(), 1U);
  task::TaskSpec const task{.name = "pos", .type = task::TaskType::Tagging, .tokens_column = 2, .tags_column = 4};
  auto const example = example_of(found.rows[0], task, "f:1");
  ASSERT_TRUE(example);
  EXPECT_EQ(example->texts[0], "Ken met her");
  auto const label = label_of(found.rows[0], *example, task, "f:1");
  ASSERT_TRUE(label);
  EXPECT_THAT(std::get<std::vector<task::Span>>(*label),
              ElementsAre(task::Span{0, 3, "PROPN"}, task::Span{4, 7, "VERB"}));
}

TEST(ConlluReader, SaysWhichLineHasOtherColumns) {
  auto const found = read(std::string("1\tKen\tPROPN\n\n") + kSentence, Format::Conllu);
  EXPECT_EQ(found.rows.size(), 1U);
  EXPECT_THAT(found.errors, ElementsAre(HasSubstr("f:1: the line has 3 columns, expected the 10 of CoNLL-U")));
}

TEST(TextReader, GivesEveryLineWithItsFileAndFolder) {
  auto const found = read("first text\n\nsecond, \"text\"\n", Format::Lines, "reviews/pos/a.txt");
  ASSERT_EQ(found.rows.size(), 2U);
  EXPECT_EQ(text_of(found.rows[1], "text"), "second, \"text\"");
  EXPECT_EQ(text_of(found.rows[1], "file"), "a.txt");
  EXPECT_EQ(text_of(found.rows[1], "folder"), "pos");
  EXPECT_EQ(found.rows[1].line, 3U);
}

TEST(TextReader, GivesAFileAsOneText) {
  auto const found = read("first line\nsecond line\n", Format::Text, "pos/a.txt");
  ASSERT_EQ(found.rows.size(), 1U);
  EXPECT_EQ(text_of(found.rows[0], "text"), "first line\nsecond line");
  EXPECT_TRUE(read(" \n\n", Format::Text).rows.empty());
  EXPECT_THAT(read("caf\xE9", Format::Text).errors, ElementsAre(HasSubstr("is not UTF-8")));
}

TEST(FormatOf, KnowsCoNLLU) {
  EXPECT_EQ(format_of("a.conllu.gz"), Format::Conllu);
  EXPECT_EQ(parse_format("text"), Format::Text);
}

}  // namespace
}  // namespace polytask::data
