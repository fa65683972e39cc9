#include "data/corpus.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "data/internal/assign_splits.h"

namespace polytask::data {
namespace {
namespace fs = std::filesystem;
using task::TaskSpec;
using task::TaskType;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

auto problem(std::string const& kind, std::string const& place, std::string const& words) {
  return AllOf(Field("kind", &Problem::kind, kind), Field("where", &Problem::where, EndsWith(place)),
               Field("message", &Problem::message, HasSubstr(words)));
}

class CorpusFiles : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("polytask_corpus_test_" + std::to_string(::getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }

  fs::path write(std::string const& name, std::string const& bytes) const {
    write_file_atomically(folder / name, bytes);
    return folder / name;
  }
  DatasetSpec dataset(std::string const& train) const {
    return {.name = "d", .files = {{Split::Train, {write("train.jsonl", train)}}}};
  }
};

TaskSpec const kIntent{
    .name = "intent", .type = TaskType::Classification, .datasets = {"d"}, .text = {"t"}, .label = "y"};
TaskSpec const kScore{.name = "score", .type = TaskType::Regression, .datasets = {"d"}, .text = {"t"}, .label = "s"};
TaskSpec const kSlots{.name = "slots", .type = TaskType::Tagging, .datasets = {"d"}};

std::vector<std::string> texts(std::vector<task::Example> const& examples) {
  std::vector<std::string> result;
  for (auto const& example : examples) result.push_back(example.texts[0]);
  return result;
}

std::set<std::string> sorted_texts(Stream const& stream, Split split) {
  auto const all = texts(stream.of(split));
  return {all.begin(), all.end()};
}

TEST_F(CorpusFiles, GiveTheLabelsOfEveryTaskOnOnePassOverTheRows) {
  auto const corpus = load_corpus({dataset(R"({"id":"a","t":"one","y":"b","s":1})"
                                           "\n"
                                           R"({"t":"two","y":"a"})"
                                           "\n"
                                           R"({"t":"three","s":2.5})"
                                           "\n")},
                                  {kIntent, kScore}, 1);
  EXPECT_THAT(corpus.problems, IsEmpty());
  ASSERT_THAT(corpus.streams, SizeIs(1));  // one text, one pass through the encoder
  EXPECT_THAT(corpus.streams[0].tasks, ElementsAre(0, 1));
  auto const& rows = corpus.streams[0].of(Split::Train);
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_THAT(rows[0].labels, ElementsAre(task::Label(std::string("b")), task::Label(1.0)));
  EXPECT_THAT(rows[1].labels, ElementsAre(task::Label(std::string("a")), task::Label{}));
  EXPECT_THAT(rows[2].labels, ElementsAre(task::Label{}, task::Label(2.5)));
  EXPECT_EQ(rows[0].id, "\"a\"");
  EXPECT_EQ(rows[2].id, "3");  // the row's number
  EXPECT_EQ(corpus.n_labelled(0, Split::Train), 2U);
  EXPECT_EQ(corpus.n_labelled(1, Split::Train), 2U);
  EXPECT_THAT(corpus.label_sets[0].names(), ElementsAre("a", "b"));
  EXPECT_TRUE(corpus.label_sets[1].empty());
  EXPECT_THAT(corpus.where(rows[2]), EndsWith("train.jsonl:3"));
}

TEST_F(CorpusFiles, SeparateTasksThatReadOtherTexts) {
  auto other = kScore;
  other.text = {"u"};
  auto const corpus = load_corpus(
      {dataset("{\"t\":\"one\",\"u\":\"two\",\"y\":\"a\",\"s\":1}\n{\"t\":\"x\",\"y\":\"b\"}\n")}, {kIntent, other}, 1);
  EXPECT_THAT(corpus.problems, IsEmpty());
  ASSERT_THAT(corpus.streams, SizeIs(2));
  EXPECT_THAT(texts(corpus.streams[0].of(Split::Train)), ElementsAre("one", "x"));
  EXPECT_THAT(texts(corpus.streams[1].of(Split::Train)), ElementsAre("two"));
}

TEST_F(CorpusFiles, SeparateTasksThatReadAPairAsOneSequenceAndAsTwo) {
  auto same = kIntent, similarity = kScore, near = kIntent;
  same.text = similarity.text = near.text = {"t", "u"};
  near.name = "near";
  near.pair_encoding = task::PairEncoding::Bi;
  auto const corpus =
      load_corpus({dataset("{\"t\":\"one\",\"u\":\"two\",\"y\":\"a\",\"s\":1}\n")}, {same, similarity, near}, 1);
  ASSERT_THAT(corpus.streams, SizeIs(2));
  EXPECT_THAT(corpus.streams[0].tasks, ElementsAre(0));
  EXPECT_THAT(corpus.streams[1].tasks, ElementsAre(1, 2));
  auto const broken =
      load_corpus({dataset("{\"t\":\"one\",\"u\":null,\"y\":\"a\",\"s\":1}\n")}, {same, similarity}, 1).problems;
  EXPECT_EQ(
      std::count_if(broken.begin(), broken.end(), [](auto const& problem) { return problem.kind == "unreadable-row"; }),
      1)
      << "both ways of reading a row see what is wrong with it";
  EXPECT_FALSE(corpus.streams[0].of(Split::Train)[0].apart);
  EXPECT_TRUE(corpus.streams[1].of(Split::Train)[0].apart);
}

TEST_F(CorpusFiles, ShareATaskBetweenDatasets) {
  auto shared = kIntent;
  shared.datasets = {"d", "e"};
  auto const first = dataset("{\"t\":\"one\",\"y\":\"a\"}\n");
  DatasetSpec const second{.name = "e", .files = {{Split::Train, {write("e.csv", "t,y\ntwo,b\n")}}}};
  auto const corpus = load_corpus({first, second}, {shared}, 1);
  EXPECT_THAT(corpus.problems, IsEmpty());
  EXPECT_THAT(corpus.streams, SizeIs(2));
  EXPECT_THAT(corpus.label_sets[0].names(), ElementsAre("a", "b"));
  EXPECT_EQ(corpus.n_labelled(0, Split::Train), 2U);
}

TEST_F(CorpusFiles, ReportEveryFaultWithItsLineAndKeepTheOtherRows) {
  auto const corpus = load_corpus({dataset("{\"t\":\"one\",\"y\":\"a\"}\n"
                                           "{\"t\":\"two\",\"y\":[1]}\n"
                                           "{\"t\":\"\xFF\",\"y\":\"a\"}\n"
                                           "not json\n"
                                           "{\"y\":\"a\"}\n"
                                           "{\"t\":7,\"y\":\"b\"}\n")},
                                  {kIntent}, 1);
  EXPECT_THAT(texts(corpus.streams[0].of(Split::Train)), ElementsAre("one", "7"));
  EXPECT_THAT(corpus.problems, ElementsAre(problem("unreadable-label", "train.jsonl:2", "expected one label"),
                                           problem("unreadable-row", "train.jsonl:3", "is not UTF-8"),
                                           problem("unreadable-row", "train.jsonl:4", "is not JSON"),
                                           problem("unreadable-row", "train.jsonl:5", "has no column \"t\"")));
  for (auto const& found : corpus.problems) EXPECT_EQ(found.severity, Severity::Error);
}

TEST_F(CorpusFiles, NameARowWithoutItsTextEvenBeforeTheFirstRowThatHasIt) {
  auto const corpus = load_corpus(
      {dataset("{\"txt\":\"one\",\"y\":\"a\"}\n{\"t\":\"two\",\"y\":\"a\"}\n{\"t\":\"three\",\"y\":\"b\"}\n")},
      {kIntent}, 1);
  EXPECT_THAT(corpus.problems, ElementsAre(problem("unreadable-row", "train.jsonl:1", "the row has no column \"t\"")));
}

TEST_F(CorpusFiles, NameAColumnThatNoRowHasOnce) {
  auto task = kIntent;
  task.text = {"txet"};
  task.label = "lable";
  auto const corpus =
      load_corpus({dataset("{\"text\":\"one\",\"label\":\"a\"}\n{\"text\":\"two\",\"label\":\"b\"}\n")}, {task}, 1);
  EXPECT_THAT(corpus.problems,
              ElementsAre(problem("unknown-column", "dataset \"d\"",
                                  "\"txet\", which task \"intent\" reads as its text; did you mean \"text\"?"),
                          problem("unknown-column", "dataset \"d\"",
                                  "\"lable\", which task \"intent\" reads as its label; did you mean \"label\"?"),
                          problem("no-training-rows", "task \"intent\"", "no training row carries a label")));
}

TEST_F(CorpusFiles, NameTheColumnsThatASplitAsksFor) {
  auto spec = dataset("{\"t\":\"one\",\"y\":\"a\",\"user\":1}\n{\"t\":\"two\",\"y\":\"b\",\"user\":2}\n");
  spec.split = DeclaredSplit{.dev = 0.5, .group_by = "users"};
  EXPECT_THAT(load_corpus({spec}, {kIntent}, 1).problems,
              ElementsAre(problem("unknown-column", "dataset \"d\"",
                                  "\"users\", which its split names; did you mean \"user\"?")));
}

TEST_F(CorpusFiles, SayWhichLabelOfDevOrTestTrainingLacks) {
  auto spec = dataset("{\"t\":\"one\",\"y\":\"positive\"}\n{\"t\":\"two\",\"y\":\"negative\"}\n");
  spec.files[Split::Dev] = {write("dev.jsonl", "{\"t\":\"a\",\"y\":\"positve\"}\n")};
  spec.files[Split::Test] = {write("test.csv", "t,y\nb,negative\nc,neutral\n")};
  EXPECT_THAT(
      load_corpus({spec}, {kIntent}, 1).problems,
      ElementsAre(
          problem("unknown-label", "dev.jsonl:1",
                  "label \"positve\" of task \"intent\" is in dev but in no training row; did you mean \"positive\"?"),
          problem("unknown-label", "test.csv:3", "label \"neutral\" of task \"intent\" is in test")));
}

TEST_F(CorpusFiles, HoldRowsAgainstTheDeclaredLabels) {
  auto task = kIntent;
  task.labels = {"c", "a"};
  auto const corpus = load_corpus({dataset("{\"t\":\"one\",\"y\":\"a\"}\n{\"t\":\"two\",\"y\":\"b\"}\n")}, {task}, 1);
  EXPECT_THAT(corpus.label_sets[0].names(), ElementsAre("c", "a"));  // the order given
  EXPECT_THAT(corpus.problems,
              ElementsAre(problem("unknown-label", "train.jsonl:2", "label \"b\" is not known (c, a)")));
}

TEST_F(CorpusFiles, SortWholeNumberLabelsByValue) {
  auto const corpus =
      load_corpus({dataset("{\"t\":\"x\",\"y\":10}\n{\"t\":\"y\",\"y\":9}\n{\"t\":\"z\",\"y\":-1}\n")}, {kIntent}, 1);
  EXPECT_THAT(corpus.label_sets[0].names(), ElementsAre("-1", "9", "10"));
}

TEST_F(CorpusFiles, OfWordsCarryTagsAndWarnOfStrayOnes) {
  DatasetSpec const spec{
      .name = "d", .files = {{Split::Train, {write("a.conll", "New B-LOC\nYork I-LOC\n\nin O\nRome I-LOC\n\nx B\n")}}}};
  auto const corpus = load_corpus({spec}, {kSlots}, 1);
  EXPECT_THAT(texts(corpus.streams[0].of(Split::Train)), ElementsAre("New York", "in Rome"));
  ASSERT_THAT(corpus.problems, SizeIs(2));
  EXPECT_THAT(corpus.problems[0], problem("stray-inside-tag", "a.conll:4", "word 2 (\"Rome\") has the tag \"I-LOC\""));
  EXPECT_EQ(corpus.problems[0].severity, Severity::Warning);
  EXPECT_THAT(corpus.problems[1], problem("unreadable-label", "a.conll:7", "has the tag \"B\""));
  EXPECT_THAT(corpus.label_sets[0].names(), ElementsAre("LOC"));
}

TEST_F(CorpusFiles, OfWordsNeverLoseARowInSilence) {
  auto task = kSlots;
  task.tokens_column = 3;
  task.tags_column = 2;
  DatasetSpec const spec{.name = "d", .files = {{Split::Train, {write("a.conll", "1 B-A x\n\n2 O\n")}}}};
  EXPECT_THAT(load_corpus({spec}, {task}, 1).problems,
              ElementsAre(problem("unreadable-row", "a.conll:3", "no column 3 for the word")));
  auto named = kSlots;
  named.text = {"t"};
  EXPECT_THAT(load_corpus({spec}, {named}, 1).problems,
              Contains(problem("unknown-column", "dataset \"d\"", "a CoNLL file has no named columns")));
}

TEST_F(CorpusFiles, ThatCannotBeReadAreProblemsToo) {
  auto spec = dataset("{\"t\":\"one\",\"y\":\"a\"}\n{\"t\":\"two\",\"y\":\"b\"}\n");
  fs::create_directory(folder / "folder.jsonl");
  spec.files[Split::Dev] = {folder / "absent.jsonl", folder / "folder.jsonl"};
  spec.files[Split::Test] = {write("cut.jsonl.gz", "\x1f\x8b\x08")};
  auto const corpus = load_corpus({spec}, {kIntent}, 1);
  EXPECT_THAT(corpus.problems, ElementsAre(problem("unreadable-file", "absent.jsonl", "check the path"),
                                           problem("unreadable-file", "folder.jsonl", "holds no file"),
                                           problem("unreadable-file", "cut.jsonl.gz", "damaged or cut")));
  EXPECT_THAT(corpus.streams[0].of(Split::Train), SizeIs(2));
}

TEST_F(CorpusFiles, RefuseSpecificationsThatContradictThemselves) {
  auto const good = dataset("{\"t\":\"one\",\"y\":\"a\"}\n");
  auto const refused = [](DatasetSpec const& spec, TaskSpec const& task) {
    try {
      (void)load_corpus({spec}, {task}, 1);
    } catch (Error const& error) {
      return error.code() == ErrorCode::InvalidUsage;
    }
    return false;
  };
  auto elsewhere = kIntent;
  elsewhere.datasets = {"other"};
  EXPECT_TRUE(refused(good, elsewhere));
  auto without_train = good;
  without_train.files.clear();
  EXPECT_TRUE(refused(without_train, kIntent));
  for (auto const& [dev, test] : {std::pair{0.5, 0.5}, {-0.1, 0.0}, {0.0, 1.0}, {std::nan(""), 0.0}}) {
    auto spec = good;
    spec.split = DeclaredSplit{.dev = dev, .test = test};
    EXPECT_TRUE(refused(spec, kIntent)) << dev << " " << test;
  }
  auto twice = good;
  twice.files[Split::Dev] = twice.files[Split::Train];
  twice.split = DeclaredSplit{.dev = 0.1};
  EXPECT_TRUE(refused(twice, kIntent));
}

TEST_F(CorpusFiles, ChangeTheirHashWithAnyByteAndWithTheirRole) {
  auto const hash = [&](DatasetSpec const& spec) { return load_corpus({spec}, {kIntent}, 1).datasets.at(0).sha256; };
  std::string const bytes = "{\"t\":\"one\",\"y\":\"a\"}\n{\"t\":\"two\",\"y\":\"b\"}\n";
  auto const original = hash(dataset(bytes));
  EXPECT_EQ(hash(dataset(bytes)), original);
  std::set<std::string> hashes{original};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_TRUE(hashes.insert(hash(dataset(changed))).second) << i;
  }
  auto as_dev = dataset(bytes);
  as_dev.files[Split::Dev] = {write("dev.jsonl", "")};
  EXPECT_TRUE(hashes.insert(hash(as_dev)).second);
  as_dev.files[Split::Test] = as_dev.files[Split::Dev];
  as_dev.files.erase(Split::Dev);
  EXPECT_TRUE(hashes.insert(hash(as_dev)).second);
}

// ---- texts without labels

TEST_F(CorpusFiles, GiveTextsWithoutLabelsOnTheSideOfTheSplitThatTheirRowsAreOn) {
  std::string rows;
  for (int i = 0; i < 40; ++i)
    rows += R"({"t":"text )" + std::to_string(i) + R"(","u":"other )" + std::to_string(i) + "\"" +
            (i % 2 == 0 ? R"(,"y":"a")" : "") + "}\n";
  auto spec = dataset(rows);
  spec.split = DeclaredSplit{.dev = 0.25};
  auto const corpus =
      load_corpus({spec}, {kIntent}, 1, {.unlabelled = {{"words", {"d"}, {"t", "u"}}, {"others", {"d"}, {"u"}}}});
  EXPECT_FALSE(has_errors(corpus.problems));
  ASSERT_THAT(corpus.unlabelled, SizeIs(2));
  ASSERT_THAT(corpus.unlabelled[0], SizeIs(1));
  auto const& words = corpus.unlabelled[0][0];
  EXPECT_THAT(words.tasks, IsEmpty());
  EXPECT_EQ(words.of(Split::Train).size() + words.of(Split::Dev).size(), 40u);
  EXPECT_THAT(words.of(Split::Train)[0].texts, SizeIs(2));
  for (auto const split : {Split::Train, Split::Dev})
    EXPECT_EQ(sorted_texts(words, split), sorted_texts(corpus.streams[0], split));
  EXPECT_THAT(corpus.unlabelled[1][0].of(Split::Train)[0].texts, ElementsAre(StartsWith("other")));
}

TEST_F(CorpusFiles, OfADatasetThatNoTaskHasAreReadForTextsAlone) {
  DatasetSpec const more{.name = "more",
                         .files = {{Split::Train, {write("more.jsonl", "{\"t\":\"one\"}\n{\"v\":1}\n")}}}};
  auto const corpus = load_corpus({dataset("{\"t\":\"two\",\"y\":\"a\"}\n"), more}, {kIntent}, 1,
                                  {.unlabelled = {{"words", {"more"}, {"t"}}}});
  EXPECT_FALSE(has_errors(corpus.problems)) << "a row without the text is another's";
  EXPECT_THAT(texts(corpus.unlabelled[0][0].of(Split::Train)), ElementsAre("one"));
  EXPECT_THAT(corpus.datasets, SizeIs(2));
}

TEST_F(CorpusFiles, KeepOfTextsWithoutLabelsWhatThereIsAndNothingOfTest) {
  auto spec = dataset(R"({"t":null,"u":"other","y":"a"})"
                      "\n"
                      R"({"t":"","u":3,"y":"a"})"
                      "\n");
  spec.files[Split::Test] = {write("test.jsonl", "{\"t\":\"tested\",\"y\":\"a\"}\n")};
  auto const labels =
      TaskSpec{.name = "other", .type = TaskType::Classification, .datasets = {"d"}, .text = {"u"}, .label = "y"};
  auto const corpus = load_corpus({spec}, {labels}, 1, {.unlabelled = {{"words", {"d"}, {"t", "u"}}}});
  auto const& rows = corpus.unlabelled[0][0];
  EXPECT_THAT(texts(rows.of(Split::Train)), ElementsAre("other", "3"));
  EXPECT_THAT(rows.of(Split::Test), IsEmpty());
  auto const broken = load_corpus({dataset("{\"t\":[1],\"y\":\"a\",\"u\":\"x\"}\n")}, {labels}, 1,
                                  {.unlabelled = {{"words", {"d"}, {"t"}}}});
  EXPECT_THAT(broken.problems, Contains(problem("unreadable-row", ":1", "expected text")));
  auto const unnamed =
      load_corpus({dataset("{\"u\":\"x\",\"y\":\"a\"}\n")}, {labels}, 1, {.unlabelled = {{"words", {"d"}, {}}}});
  EXPECT_THAT(unnamed.problems, Contains(problem("unknown-column", "dataset \"d\"", "add \"text\"")));
}

TEST_F(CorpusFiles, TakeTheWordsOfTheColumnThatIsNamed) {
  DatasetSpec const words{.name = "ud", .files = {{Split::Train, {write("a.conll", "1\tgreen\tO\n2\tgrass\tO\n\n")}}}};
  auto const corpus = load_corpus({dataset("{\"t\":\"two\",\"y\":\"a\"}\n"), words}, {kIntent}, 1,
                                  {.unlabelled = {{"words", {"ud"}, {}, 2}}});
  EXPECT_FALSE(has_errors(corpus.problems));
  EXPECT_THAT(texts(corpus.unlabelled[0][0].of(Split::Train)), ElementsAre("green grass"));
}

TEST_F(CorpusFiles, SayWhichColumnOfTextsWithoutLabelsThereIsNot) {
  auto const corpus =
      load_corpus({dataset("{\"t\":\"two\",\"y\":\"a\"}\n")}, {kIntent}, 1, {.unlabelled = {{"words", {"d"}, {"tt"}}}});
  EXPECT_THAT(corpus.problems,
              Contains(problem("unknown-column", "dataset \"d\"", "task \"words\" reads as its text")));
}

// ---- declared splits

/// `n` rows of each of the labels, texts "<label> <i>".
std::string rows_of(std::vector<std::pair<std::string, int>> const& counts) {
  std::string rows;
  for (auto const& [label, n] : counts)
    for (int i = 0; i < n; ++i)
      rows += "{\"t\":\"" + label + " " + std::to_string(i) + "\",\"y\":\"" + label +
              "\",\"g\":" + std::to_string(i / 5) + "}\n";
  return rows;
}

std::size_t count_label(Stream const& stream, Split split, std::string const& label) {
  auto const& examples = stream.of(split);
  return static_cast<std::size_t>(std::count_if(
      examples.begin(), examples.end(), [&](auto const& example) { return example.labels[0] == task::Label(label); }));
}

TEST_F(CorpusFiles, AreSplitBySeedAndStratifiedByLabel) {
  auto spec = dataset(rows_of({{"a", 200}, {"b", 100}, {"c", 40}, {"rare", 2}}));
  spec.split = DeclaredSplit{.dev = 0.1, .test = 0.2};
  auto const corpus = load_corpus({spec}, {kIntent}, 1);
  auto const& stream = corpus.streams[0];
  for (auto const& [label, n] : {std::pair{"a", 200}, {"b", 100}, {"c", 40}}) {
    EXPECT_NEAR(static_cast<double>(count_label(stream, Split::Dev, label)), 0.1 * n, 1.0) << label;
    EXPECT_NEAR(static_cast<double>(count_label(stream, Split::Test, label)), 0.2 * n, 1.0) << label;
  }
  EXPECT_EQ(count_label(stream, Split::Train, "rare"), 2U);
  EXPECT_THAT(corpus.datasets[0].n_rows,
              ElementsAre(stream.of(Split::Train).size(), stream.of(Split::Dev).size(), stream.of(Split::Test).size()));
  EXPECT_EQ(stream.of(Split::Train).size() + stream.of(Split::Dev).size() + stream.of(Split::Test).size(), 342U);

  auto const again = load_corpus({spec}, {kIntent}, 1);
  EXPECT_EQ(sorted_texts(stream, Split::Test), sorted_texts(again.streams[0], Split::Test));
  auto const other_seed = load_corpus({spec}, {kIntent}, 2);
  EXPECT_NE(sorted_texts(stream, Split::Test), sorted_texts(other_seed.streams[0], Split::Test));
  spec.split->seed = 1;  // its own seed wins over the project's
  EXPECT_EQ(sorted_texts(stream, Split::Test), sorted_texts(load_corpus({spec}, {kIntent}, 2).streams[0], Split::Test));
}

TEST_F(CorpusFiles, AreSplitWithWholeGroupsOnOneSide) {
  auto spec = dataset(rows_of({{"a", 500}, {"b", 500}}));
  spec.split = DeclaredSplit{.dev = 0.1, .test = 0.1, .group_by = "g"};
  auto const corpus = load_corpus({spec}, {kIntent}, 7);
  std::map<std::string, std::set<Split>> sides;
  for (auto const split : kSplits)
    for (auto const& example : corpus.streams[0].of(split))
      sides[std::to_string(std::stoi(example.texts[0].substr(2)) / 5)].insert(split);
  EXPECT_THAT(sides, SizeIs(100));
  for (auto const& [group, found] : sides) EXPECT_THAT(found, SizeIs(1)) << group;
  EXPECT_NEAR(static_cast<double>(corpus.streams[0].of(Split::Dev).size()), 100, 10);
  EXPECT_NEAR(static_cast<double>(corpus.streams[0].of(Split::Test).size()), 100, 10);
}

TEST_F(CorpusFiles, AreSplitBesideGivenFiles) {
  auto spec = dataset(rows_of({{"a", 50}, {"b", 50}}));
  spec.files[Split::Test] = {write("test.jsonl", "{\"t\":\"given\",\"y\":\"a\"}\n")};
  spec.split = DeclaredSplit{.dev = 0.1};
  auto const corpus = load_corpus({spec}, {kIntent}, 1);
  EXPECT_THAT(corpus.problems, IsEmpty());
  EXPECT_THAT(texts(corpus.streams[0].of(Split::Test)), ElementsAre("given"));
  EXPECT_THAT(corpus.streams[0].of(Split::Dev), SizeIs(10));
  EXPECT_THAT(corpus.datasets[0].n_rows, ElementsAre(90, 10, 1));
}

TEST_F(CorpusFiles, AreSplitAlikeForEveryTaskThatReadsThem) {
  auto other = kScore;
  other.text = {"u"};
  std::string rows;
  for (int i = 0; i < 60; ++i)
    rows += "{\"t\":\"" + std::to_string(i) + "\",\"u\":\"" + std::to_string(i) + "\",\"y\":\"" +
            (i % 2 == 0 ? "a" : "b") + "\",\"s\":" + std::to_string(i) + "}\n";
  auto spec = dataset("broken\n" + rows);
  spec.split = DeclaredSplit{.dev = 0.2, .test = 0.2};
  auto const corpus = load_corpus({spec}, {kIntent, other}, 3);
  for (auto const split : kSplits)
    EXPECT_EQ(sorted_texts(corpus.streams[0], split), sorted_texts(corpus.streams[1], split));
}

TEST_F(CorpusFiles, KeepRareLabelsOfEveryTaskInTrain) {
  TaskSpec const topics{.name = "topics", .type = TaskType::Multilabel, .datasets = {"d"}, .text = {"t"}, .label = "m"};
  TaskSpec const second{
      .name = "second", .type = TaskType::Classification, .datasets = {"d"}, .text = {"t"}, .label = "z"};
  std::string rows;
  for (int i = 0; i < 60; ++i)
    rows += "{\"t\":\"" + std::to_string(i) + "\",\"y\":\"" + (i % 2 == 0 ? "a" : "b") + "\",\"m\":\"" +
            (i == 7 ? "x|rare" : "x") + "\",\"z\":\"" + (i < 4 ? "few" : "many") + "\"}\n";
  auto spec = dataset(rows);
  spec.split = DeclaredSplit{.dev = 0.4, .test = 0.5};
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    EXPECT_THAT(load_corpus({spec}, {kIntent, topics, second}, seed).problems, IsEmpty()) << seed;
}

TEST_F(CorpusFiles, AreGroupedByTruthValuesAndNumbersToo) {
  std::string rows;
  for (int i = 0; i < 40; ++i)
    rows += "{\"t\":\"" + std::to_string(i) + "\",\"y\":\"a\",\"g\":" + (i % 2 == 0 ? "true" : "1.5") + "}\n";
  auto spec = dataset(rows);
  spec.split = DeclaredSplit{.dev = 0.5, .group_by = "g"};
  EXPECT_THAT(load_corpus({spec}, {kIntent}, 1).datasets[0].n_rows, ElementsAre(20, 20, 0));
}

TEST_F(CorpusFiles, OfWordsHaveNoColumnsToSplitBy) {
  DatasetSpec const spec{.name = "d",
                         .files = {{Split::Train, {write("a.conll", "New B-LOC\n\nin O\n")}}},
                         .split = DeclaredSplit{.dev = 0.5, .group_by = "user"}};
  EXPECT_THAT(load_corpus({spec}, {kSlots}, 1).problems,
              Contains(problem("unknown-column", "dataset \"d\"", "\"user\", but a CoNLL file has no named columns")));
}

TEST_F(CorpusFiles, MayHoldRowsWhoseTextAndLabelsAreNull) {
  auto const corpus = load_corpus(
      {dataset("{\"t\":\"one\",\"y\":\"a\"}\n{\"t\":null,\"y\":null}\n{\"t\":\"two\",\"y\":\"b\"}\n")}, {kIntent}, 1);
  EXPECT_THAT(corpus.problems, IsEmpty());
  EXPECT_THAT(texts(corpus.streams[0].of(Split::Train)), ElementsAre("one", "two"));
}

TEST(AssignSplits, LeavesAStratumAsItIsWhenRowsOfAnotherAreReordered) {
  std::vector<RowFacts> rows;
  for (int i = 0; i < 300; ++i) rows.push_back({.stratum = i % 3 == 0 ? "a" : "b"});
  DeclaredSplit const split{.dev = 0.1, .test = 0.1};
  auto const before = assign_splits(rows, split, "salt", 5);
  // All rows of "a" first, each stratum in its old order.
  std::vector<RowFacts> reordered = rows;
  std::stable_sort(reordered.begin(), reordered.end(),
                   [](auto const& x, auto const& y) { return x.stratum < y.stratum; });
  auto const after = assign_splits(reordered, split, "salt", 5);
  auto const sides_of = [](std::vector<RowFacts> const& facts, std::vector<Split> const& sides,
                           std::string const& stratum) {
    std::vector<Split> result;
    for (std::size_t i = 0; i < facts.size(); ++i)
      if (facts[i].stratum == stratum) result.push_back(sides[i]);
    return result;
  };
  for (auto const* stratum : {"a", "b"})
    EXPECT_EQ(sides_of(rows, before, stratum), sides_of(reordered, after, stratum));
}

TEST(AssignSplits, NeverEmptiesTrainNorCutsRareStrata) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<RowFacts> rows;
    for (int i = 0; i < 7; ++i) rows.push_back({.group = std::to_string(i / 3), .stratum = "a"});
    for (int i = 0; i < 2; ++i) rows.push_back({.stratum = "b"});
    auto const sides = assign_splits(rows, {.dev = 0.45, .test = 0.5}, "s", seed);
    EXPECT_GT(std::count(sides.begin(), sides.begin() + 7, Split::Train), 0) << seed;
    EXPECT_EQ(sides[7], Split::Train);
    EXPECT_EQ(sides[8], Split::Train);
    for (int i = 0; i < 6; ++i)
      EXPECT_EQ(sides[static_cast<std::size_t>(i)], sides[static_cast<std::size_t>(i / 3 * 3)]);
  }
}

TEST(AssignSplits, PaysManySmallStrataTheirShareTogether) {
  std::vector<RowFacts> rows;
  for (int i = 0; i < 400; ++i) rows.push_back({.stratum = std::to_string(i / 4)});  // 100 labels of 4 rows
  auto const sides = assign_splits(rows, {.dev = 0.1, .test = 0.1}, "s", 1);
  EXPECT_NEAR(static_cast<double>(std::count(sides.begin(), sides.end(), Split::Dev)), 40, 2);
  EXPECT_NEAR(static_cast<double>(std::count(sides.begin(), sides.end(), Split::Test)), 40, 2);
}

std::string stored_texts(Stream const& stream) {
  std::string all;
  stream.for_each(Split::Train, [&](task::Example const& example) { all += example.texts[0] + " "; });
  return all;
}

TEST_F(CorpusFiles, KeepsTrainingRowsBeyondABoundOnTheDiskAndSaysTheSameOfThem) {
  std::string lines;
  for (int i = 0; i < 200; ++i)
    lines += "{\"t\":\"text " + std::to_string(i) + "\",\"y\":\"" + (i % 3 == 0 ? "a" : "b") +
             "\",\"s\":" + (i % 2 == 0 ? std::to_string(i) : "null") + "}\n";
  auto const spec = dataset(lines);
  auto const in_memory = load_corpus({spec}, {kIntent, kScore}, 1);
  std::vector<std::size_t> said;
  auto const on_disk =
      load_corpus({spec}, {kIntent, kScore}, 1,
                  {.storage = {.folder = folder / "rows", .memory_bytes = 4'000},
                   .on_progress = [&](fs::path const&, std::size_t n_rows) { said.push_back(n_rows); }});
  ASSERT_TRUE(on_disk.streams.at(0).stored);
  EXPECT_FALSE(in_memory.streams.at(0).stored);
  EXPECT_EQ(on_disk.streams[0].n_rows(Split::Train), 200u);
  EXPECT_EQ(stored_texts(on_disk.streams[0]), stored_texts(in_memory.streams[0]));
  EXPECT_EQ(on_disk.label_sets[0].names(), in_memory.label_sets[0].names());
  EXPECT_EQ(on_disk.n_labelled(1, Split::Train), 100u);
  EXPECT_THAT(said, ElementsAre(0));
  EXPECT_TRUE(fs::is_empty(folder / "rows")) << "what is there has no name";
}

TEST_F(CorpusFiles, CutsADeclaredSplitFromRowsOnTheDiskAsFromThoseInMemory) {
  std::string lines;
  for (int i = 0; i < 200; ++i)
    lines += "{\"t\":\"text " + std::to_string(i) + "\",\"y\":\"" + (i % 3 == 0 ? "a" : "b") + "\"}\n";
  auto spec = dataset(lines);
  spec.split = DeclaredSplit{.dev = 0.2, .test = 0.1};
  auto const in_memory = load_corpus({spec}, {kIntent}, 1);
  auto const on_disk =
      load_corpus({spec}, {kIntent}, 1, {.storage = {.folder = folder / "rows", .memory_bytes = 4'000}});
  ASSERT_TRUE(on_disk.streams.at(0).stored);
  EXPECT_EQ(stored_texts(on_disk.streams[0]), stored_texts(in_memory.streams[0]));
  for (auto const split : {Split::Dev, Split::Test})
    EXPECT_EQ(texts(on_disk.streams[0].of(split)), texts(in_memory.streams[0].of(split)));
  EXPECT_EQ(on_disk.datasets[0].n_rows, in_memory.datasets[0].n_rows);
}

}  // namespace
}  // namespace polytask::data
