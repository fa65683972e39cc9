#include "data/discovery.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "data/internal/sniff.h"

namespace polytask::data {
namespace {
namespace fs = std::filesystem;
using task::TaskType;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Discovered : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("polytask_discovery_test_" + std::to_string(::getpid())) / "helpdesk";
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder.parent_path()); }

  fs::path write(std::string const& name, std::string const& bytes) const {
    fs::create_directories((folder / name).parent_path());
    write_file_atomically(folder / name, bytes);
    return folder / name;
  }
  /// 40 rows made by a line with {0} for the number and {1} for one of three words.
  static std::string rows(std::string const& line, std::size_t n = 40) {
    std::string all;
    for (std::size_t i = 0; i < n; ++i)
      all += fmt::format(fmt::runtime(line), i, std::array{"refund", "order", "track"}[i % 3]) + "\n";
    return all;
  }
  std::string reason_of(Discovery const& found, std::string const& name) const {
    for (auto const& file : found.left_out)
      if (file.file.filename() == name) return file.reason;
    return "not left out";
  }
};

auto const* const kTicket = R"({{"id": {0}, "body": "please see to number {0} of my things", "intent": "{1}"}})";

TEST_F(Discovered, FilesThatDifferInTheirSplitAloneAreOneDataset) {
  write("train.jsonl", rows(kTicket));
  write("valid.jsonl", rows(kTicket));
  write("test-v1.0.jsonl", rows(kTicket));
  write("README.md", "about the data");
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(1));
  auto const& dataset = found.datasets[0];
  EXPECT_EQ(dataset.spec.name, "helpdesk");
  EXPECT_EQ(dataset.spec.files.at(Split::Dev), std::vector{folder / "valid.jsonl"});
  EXPECT_EQ(dataset.spec.files.at(Split::Test), std::vector{folder / "test-v1.0.jsonl"});
  EXPECT_FALSE(dataset.spec.split);
  ASSERT_THAT(dataset.tasks, SizeIs(1)) << "an id is no label";
  EXPECT_EQ(dataset.tasks[0].spec.name, "intent");
  EXPECT_EQ(dataset.tasks[0].spec.type, TaskType::Classification);
  EXPECT_THAT(dataset.tasks[0].spec.text, ElementsAre("body"));
  EXPECT_THAT(found.left_out, IsEmpty());
}

TEST_F(Discovered, SplitsThatHaveNoFilesAreCutFromTraining) {
  write("tickets.train.jsonl", rows(kTicket));
  write("pairs.csv", "question1,question2,same\n" + rows("is this {0} the one,or is it {0} of them,{1}"));
  write("pairs.test.csv", "question1,question2,same\n" + rows("is this {0} the one,or is it {0} of them,{1}"));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(2));
  auto const& pairs = found.datasets[found.datasets[0].spec.name == "pairs" ? 0 : 1];
  auto const& tickets = found.datasets[found.datasets[0].spec.name == "pairs" ? 1 : 0];
  EXPECT_EQ(tickets.spec.name, "tickets");
  EXPECT_EQ(tickets.spec.split->test, 0.1);
  EXPECT_EQ(pairs.spec.split->dev, 0.1);
  EXPECT_EQ(pairs.spec.split->test, 0.0) << "there is a test file";
  EXPECT_THAT(pairs.tasks.at(0).spec.text, ElementsAre("question1", "question2"));
}

TEST_F(Discovered, TheTypeOfATaskFollowsFromTheValues) {
  write("train.jsonl", rows(R"({{"text": "the lamp {0} is late again", "urgency": {0}.5, "topics": ["{1}", "all"], )"
                            R"("products": [[4, 8, "PRODUCT"]], "origin": "{1}", "when": "2026-01-{0}"}})"));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(1));
  auto const& tasks = found.datasets[0].tasks;
  ASSERT_THAT(tasks, SizeIs(4));
  EXPECT_EQ(tasks[0].spec.type, TaskType::Regression);
  EXPECT_EQ(tasks[1].spec.type, TaskType::Multilabel);
  EXPECT_EQ(tasks[2].spec.type, TaskType::Tagging);
  EXPECT_EQ(tasks[2].spec.spans, "products");
  EXPECT_TRUE(tasks[3].doubtful) << "where a text comes from is seldom a task, when others are called labels";
  EXPECT_EQ(tasks[3].spec.label, "origin");
}

TEST_F(Discovered, DocumentsOfQuestionsAreToldByWhatStandsInThem) {
  std::string paragraphs;
  for (int i = 0; i < 30; ++i)
    paragraphs += fmt::format(
        R"({}{{"context": "lamp {}", "qas": [{{"id": "{}", "question": "which?", "answers": [{{"text": "lamp", "answer_start": 0}}]}}, {{"question": "who?", "answers": [], "is_impossible": true}}]}})",
        i == 0 ? "" : ",", i, i);
  write("questions/train-v2.0.json", R"({"data": [{"title": "t", "paragraphs": [)" + paragraphs + "]}]}\n");
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(1));
  auto const& dataset = found.datasets[0];
  EXPECT_EQ(dataset.spec.format, Format::Squad);
  ASSERT_TRUE(dataset.spec.split);
  EXPECT_EQ(dataset.spec.split->group_by, "context");
  ASSERT_THAT(dataset.tasks, SizeIs(1));
  auto const& task = dataset.tasks[0];
  EXPECT_EQ(task.spec.type, TaskType::Span);
  EXPECT_THAT(task.spec.text, ElementsAre("question", "context"));
  EXPECT_EQ(task.spec.label, "answers");
  EXPECT_THAT(task.facts, HasSubstr("60 questions, 30 of them without an answer"));
}

TEST_F(Discovered, AColumnOfAnswersBesideAQuestionAndAContextIsASpan) {
  write(
      "train.jsonl",
      rows(
          R"({{"id": {0}, "question": "which is number {0}?", "context": "{1} {0}", "answers": {{"text": ["{0}"], "answer_start": [7]}}}})"));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(1));
  ASSERT_THAT(found.datasets[0].tasks, SizeIs(1));
  EXPECT_EQ(found.datasets[0].tasks[0].spec.type, TaskType::Span);
}

TEST_F(Discovered, AnswersInAScriptWithoutSpacesAreScoredByCharacters) {
  write(
      "train.jsonl",
      rows(
          R"({{"question": "誰ですか{0}", "context": "これは長い文章であり答えは鈴木さんの{0}番目の家にあります{1}", "answers": [{{"text": "鈴木", "answer_start": 13}}]}})"));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets.at(0).tasks, SizeIs(1));
  EXPECT_EQ(found.datasets[0].tasks[0].spec.metric, "character_f1");
}

TEST_F(Discovered, WhatOnlySeemsToAnswerIsNoLabel) {
  write(
      "train.jsonl",
      rows(
          R"({{"id": {0}, "plausible_answers": [{{"text": "{0}", "answer_start": 7}}], "question": "which is {0}?", "context": "{1} {0}", "answers": [{{"text": "{0}", "answer_start": 7}}]}})"));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets.at(0).tasks, SizeIs(1));
  EXPECT_EQ(found.datasets[0].tasks[0].spec.label, "answers");
}

TEST_F(Discovered, WordsWithTagsAreToldByTheirLinesHoweverTheFileIsCalled) {
  std::string const sentence = "Ken\tB-PER\nmet\tO\nher\tO\nin\tO\nNara\tB-LOC\n\n";
  write("wnut17train.txt", sentence + sentence);
  write("emerging.dev.tsv", sentence);
  write("numbered/a.train.tsv", "1\tKen\tx\tB-PER\n2\tmet\tx\tO\n\n1\tNara\tx\tB-LOC\n");
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(2));
  EXPECT_EQ(found.datasets[0].spec.name, "wnut17");
  EXPECT_EQ(found.datasets[0].spec.format, Format::Conll);
  EXPECT_EQ(found.datasets[0].spec.files.at(Split::Dev), std::vector{folder / "emerging.dev.tsv"});
  EXPECT_EQ(found.datasets[0].tasks.at(0).facts, "4 spans: LOC, PER");
  EXPECT_EQ(found.datasets[1].tasks.at(0).spec.tokens_column, 2) << "the first column counts the words";
}

TEST_F(Discovered, FoldersMayBeNamedAfterTheirSplit) {
  write("train/reviews.jsonl", rows(kTicket));
  write("dev/reviews.jsonl", rows(kTicket));
  write("test/reviews.jsonl", rows(kTicket));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(1));
  EXPECT_EQ(found.datasets[0].spec.files.at(Split::Train), std::vector{folder / "train/reviews.jsonl"});
  EXPECT_EQ(found.datasets[0].spec.files.at(Split::Test), std::vector{folder / "test/reviews.jsonl"});
}

TEST_F(Discovered, TheLastWordOfANameSaysTheSplitAndPiecesAreOneFile) {
  write("station_train-00000-of-00002.jsonl", rows(kTicket));
  write("station_train-00001-of-00002.jsonl", rows(kTicket));
  write("train_station_test.jsonl", rows(kTicket));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(1));
  EXPECT_THAT(found.datasets[0].spec.files.at(Split::Train), SizeIs(2));
  EXPECT_EQ(found.datasets[0].spec.files.at(Split::Test), std::vector{folder / "train_station_test.jsonl"});
}

TEST_F(Discovered, AHeaderIsToldFromRows) {
  write("pandas/train.csv", ",text,label\n" + rows("{0},the lamp number {0} is late,{1}"));
  write("surveys/train.csv", "2023,How likely would you recommend our shop to a friend?,label\n" +
                                 rows("{0},I would see to number {0} of them,{1}"));
  write("bare/train.csv", "great movie it was,refund\n" + rows("the lamp number {0} is late,{1}"));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(3));
  EXPECT_EQ(found.datasets[0].spec.name, "bare");
  EXPECT_THAT(found.datasets[0].spec.columns, ElementsAre("column1", "column2"));
  EXPECT_THAT(found.datasets[1].spec.columns, IsEmpty());
  EXPECT_THAT(found.datasets[2].spec.columns, IsEmpty());
}

TEST_F(Discovered, WordsMayStandInAlignedColumns) {
  write("train.conll", "Ken    B-PER\nmeets  O\nher    O\n\n# text = a\nNara   B-LOC\n");
  EXPECT_THAT(discover(folder).datasets, SizeIs(1));
}

TEST_F(Discovered, ATableWithoutAHeaderGetsNames) {
  write("train.tsv", rows("please see to number {0} of my things\t{1}"));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(1));
  EXPECT_THAT(found.datasets[0].spec.columns, ElementsAre("column1", "column2"));
  EXPECT_EQ(found.datasets[0].tasks.at(0).spec.label, "column2");
}

TEST_F(Discovered, WhatIsLeftOutHasAReason) {
  write("train.jsonl", rows(kTicket));
  write("test.jsonl", rows(R"({{"id": {0}, "body": "a test row {0} without labels"}})"));
  write("more.jsonl", rows(kTicket));
  write("signs.train.jsonl", rows(R"({{"text": "a row of signs {0} with labels", "intent": "{1}"}})"));
  write("signs.test.jsonl", rows(R"({{"text": "a row of signs {0} without labels", "intent": "?"}})"));
  write(std::string("odd\xFF.jsonl"), rows(kTicket));
  write("model/config.json", "{}");
  write("document.json", "[\n [1, 2]\n]\n");
  write("numbers.json", "[\n {\"a\": 1}\n]\n");
  write("empty.jsonl", "");
  write("photo.dat", std::string("a\0b", 3));
  write("choices.train.jsonl",
        rows(R"({{"question": "which one of the {0} is it", "choice0": "a", "choice1": "b", "choice2": "c"}})"));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(2));
  EXPECT_THAT(reason_of(found, "signs.test.jsonl"), HasSubstr("no labels"));
  EXPECT_THAT(reason_of(found, "odd\xFF.jsonl"), HasSubstr("is not UTF-8"));
  EXPECT_THAT(reason_of(found, "model"), HasSubstr("config.json"));
  EXPECT_THAT(reason_of(found, "test.jsonl"), HasSubstr("no labels"));
  EXPECT_THAT(reason_of(found, "more.jsonl"), HasSubstr("rows of the same kind"));
  EXPECT_THAT(reason_of(found, "document.json"), HasSubstr("one JSON document"));
  EXPECT_THAT(reason_of(found, "numbers.json"), HasSubstr("no column that reads like a text"));
  EXPECT_THAT(reason_of(found, "empty.jsonl"), HasSubstr("is empty"));
  EXPECT_THAT(reason_of(found, "photo.dat"), HasSubstr("is not text"));
  EXPECT_THAT(reason_of(found, "choices.train.jsonl"),
              HasSubstr("several choices a row, and beside them no text, or no column"));
  EXPECT_THROW((void)discover(folder / "absent"), Error);
}

TEST_F(Discovered, ChoicesOfARowAreATaskWithTheColumnThatSaysWhichIsRight) {
  write("numbered.train.jsonl",
        rows(R"({{"q_id": {0}, "question": "which one is {0}", "choice0": "a{0}", "choice1": "b", "choice10": "c", )"
             R"("choice2": "d", "label": 3}})"));
  write("listed.train.jsonl", rows(R"({{"premise": "it is so because of {0}", "options": ["x{0}", "{1}"], "answer": )"
                                   R"("{1}"}})"));
  write("listed.test.jsonl",
        rows(R"({{"premise": "it is so because of {0}", "options": ["x{0}", "y"], "answer": -1}})"));
  auto const found = discover(folder);
  ASSERT_THAT(found.datasets, SizeIs(2));
  for (auto const& dataset : found.datasets) {
    ASSERT_THAT(dataset.tasks, SizeIs(1)) << dataset.spec.name;
    auto const& task = dataset.tasks[0];
    EXPECT_EQ(task.spec.type, TaskType::MultipleChoice);
    EXPECT_FALSE(task.doubtful);
    bool const is_listed = dataset.spec.name == "listed";
    EXPECT_THAT(task.spec.text, ElementsAre(is_listed ? "premise" : "question"));
    EXPECT_EQ(task.spec.label, is_listed ? "answer" : "label");
    EXPECT_EQ(task.spec.choices, is_listed ? std::vector<std::string>{"options"}
                                           : (std::vector<std::string>{"choice0", "choice1", "choice2", "choice10"}));
    EXPECT_EQ(task.facts, is_listed ? "40 questions, up to 2 choices each" : "40 questions, up to 4 choices each");
  }
  EXPECT_THAT(reason_of(found, "listed.test.jsonl"), HasSubstr("no labels"));
}

TEST_F(Discovered, ChoicesThatNoColumnTellsApartAreNoTask) {
  // Letters are neither numbers nor the texts of choices.
  write("train.jsonl",
        rows(R"({{"question": "which one is {0}", "option1": "a{0}", "option2": "b{0}", "answer": "B"}})"));
  EXPECT_THAT(discover(folder).datasets, IsEmpty());
}

TEST_F(Discovered, AnyBytesAreAFileAndNoMistake) {
  Rng rng(7);
  std::string_view const alphabet = "{}[]\",:\t\n\n O-BI#0a\xC3\xA9\xFF";
  for (int i = 0; i < 200; ++i) {
    std::string bytes;
    for (auto n = rng.below(200); n > 0; --n) bytes += alphabet[rng.below(alphabet.size())];
    auto const name = std::array{"train.jsonl", "train.csv", "train.tsv", "train.conll", "train.txt"}[rng.below(5)];
    (void)sniff(write(name, bytes));
    // What is proposed can be read: no column that no row has, no format that no row is in.
    for (auto const& dataset : discover(folder).datasets) {
      std::vector<task::TaskSpec> tasks;
      for (auto const& task : dataset.tasks) tasks.push_back(task.spec);
      auto const corpus = load_corpus({dataset.spec}, tasks, 1);
      for (auto const& problem : corpus.problems) EXPECT_NE(problem.kind, "unknown-column") << problem.message;
      EXPECT_GT(corpus.datasets.at(0).n_rows[0], 0u);
    }
  }
}

}  // namespace
}  // namespace polytask::data
