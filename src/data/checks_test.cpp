#include <gmock/gmock.h>

#include "data/corpus.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::data {
namespace {
using task::TaskType;
using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

auto warning(std::string const& kind, std::string const& where, std::string const& words) {
  return AllOf(Field("severity", &Problem::severity, Severity::Warning), Field("kind", &Problem::kind, kind),
               Field("where", &Problem::where, where), Field("message", &Problem::message, HasSubstr(words)));
}

auto kind(std::string const& name) { return Field("kind", &Problem::kind, name); }

task::Label label(std::string const& name) { return name; }

/// Rows of two datasets, given directly: these checks look at a corpus, not at files.
class Checks : public testing::Test {
 protected:
  Corpus corpus;

  void SetUp() override {
    corpus.tasks = {{.name = "intent", .type = TaskType::Classification},
                    {.name = "other", .type = TaskType::Classification}};
    corpus.label_sets = {task::LabelSet({"a", "b"}), task::LabelSet({"a", "b"})};
    corpus.streams = {{.dataset = "d", .tasks = {0}}, {.dataset = "e", .tasks = {1}}};
    corpus.files = {"d.jsonl", "e.jsonl"};
    // Enough rows of every label: nothing is rare.
    for (std::size_t s = 0; s < 2; ++s)
      for (int i = 0; i < 10; ++i)
        add(s, Split::Train, "dataset " + std::to_string(s) + " row " + std::to_string(i),
            label(i % 2 == 0 ? "a" : "b"));
  }
  void add(std::size_t stream, Split split, std::string const& text, task::Label const& said) {
    auto& examples = corpus.streams[stream].examples[static_cast<std::size_t>(split)];
    task::Example example{.texts = {text}, .labels = {said}, .line = ++line_, .file = stream};
    examples.push_back(example);
  }
  std::size_t line_ = 0;
};

TEST_F(Checks, FindNothingInACleanCorpus) {
  add(0, Split::Dev, "a new text", label("a"));
  add(0, Split::Test, "another", label("b"));
  EXPECT_THAT(check_corpus(corpus), IsEmpty());
}

TEST_F(Checks, NameDuplicatesWhateverTheirCaseSpacesAndPunctuation) {
  add(0, Split::Train, "Hello, World!", label("a"));
  add(0, Split::Train, "  hello   world", label("a"));
  add(0, Split::Train, "hello worlds", label("a"));
  auto const found = check_corpus(corpus);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0], warning("duplicate", "d.jsonl:22", "stands already at d.jsonl:21"));
}

TEST_F(Checks, NameContradictionsInsteadOfDuplicates) {
  add(0, Split::Train, "same", label("a"));
  add(0, Split::Train, "same", label("b"));
  add(0, Split::Train, "same", task::Label{});  // says nothing, contradicts nothing
  auto const found = check_corpus(corpus);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0], warning("contradicting-labels", "d.jsonl:22", "for task \"intent\" than at d.jsonl:21"));
  EXPECT_THAT(found[1], warning("duplicate", "d.jsonl:23", "stands already"));
}

TEST_F(Checks, NameLeakageIntoDevAndTest) {
  add(0, Split::Dev, "Dataset 0: row 3", label("a"));
  add(0, Split::Test, "dataset 0 row 4", label("a"));
  auto const found = check_corpus(corpus);
  EXPECT_THAT(found, SizeIs(2));
  EXPECT_THAT(found, Contains(warning("leakage", "d.jsonl:21",
                                      "the dev text \"Dataset 0: row 3\" also stands in training (d.jsonl:4)")));
  EXPECT_THAT(found, Contains(warning("leakage", "d.jsonl:22", "the test text")));
}

TEST_F(Checks, NameLeakageFromDevIntoTest) {
  add(0, Split::Dev, "a new text", label("a"));
  add(0, Split::Test, "A new text.", label("a"));
  EXPECT_THAT(check_corpus(corpus),
              testing::ElementsAre(warning("leakage", "d.jsonl:22", "also stands in dev (d.jsonl:21)")));
}

TEST_F(Checks, NameLeakageAcrossTasks) {
  add(0, Split::Test, "dataset 1 row 2", label("a"));
  EXPECT_THAT(check_corpus(corpus), testing::ElementsAre(warning("leakage-across-tasks", "d.jsonl:21",
                                                                 "in training of dataset \"e\" (e.jsonl:13)")));
}

TEST_F(Checks, NameTestTextsWhoseHiddenWordsAreLearnt) {
  add(0, Split::Test, "a text of the archive", label("a"));
  corpus.unlabelled = {{{.dataset = "archive", .text = {"title", "body"}}}};
  corpus.unlabelled[0][0].examples[0].push_back({.texts = {"a title", "A text of the archive."}, .line = 7, .file = 1});
  EXPECT_THAT(check_corpus(corpus), testing::ElementsAre(warning("leakage-across-tasks", "d.jsonl:21",
                                                                 "in training of dataset \"archive\" (e.jsonl:7)")));
}

TEST_F(Checks, NameLeakageWithinADatasetBeforeLeakageAcross) {
  add(1, Split::Test, "dataset 0 row 4", label("a"));  // in training of another dataset alone
  add(1, Split::Test, "dataset 0 row 5", label("a"));
  add(1, Split::Train, "Dataset 0 row 5!", label("b"));  // and in its own, behind the other's
  auto const found = check_corpus(corpus);
  EXPECT_THAT(found, testing::ElementsAre(
                         warning("leakage-across-tasks", "e.jsonl:21", "in training of dataset \"d\" (d.jsonl:5)"),
                         warning("leakage", "e.jsonl:22", "in training (e.jsonl:23)")));
}

TEST_F(Checks, NameRareLabels) {
  corpus.label_sets[0] = task::LabelSet({"a", "b", "c", "d"});
  add(0, Split::Train, "once", label("c"));
  auto const found = check_corpus(corpus);
  EXPECT_THAT(found, testing::ElementsAre(warning("rare-label", "task \"intent\"", "\"c\" has 1 training row ("),
                                          warning("rare-label", "task \"intent\"", "\"d\" has 0 training rows;")));
}

TEST_F(Checks, CountTheLabelsOfListsAndSpans) {
  corpus.tasks[0].type = TaskType::Multilabel;
  corpus.tasks[1].type = TaskType::Tagging;
  for (auto& example : corpus.streams[0].examples[0]) example.labels = {std::vector<std::string>{"a"}};
  for (auto& example : corpus.streams[1].examples[0]) example.labels = {std::vector<task::Span>{{0, 1, "b"}}};
  auto const found = check_corpus(corpus);
  EXPECT_THAT(found, testing::ElementsAre(warning("rare-label", "task \"intent\"", "\"b\" has 0"),
                                          warning("rare-label", "task \"other\"", "\"a\" has 0")));
}

TEST_F(Checks, NameTextsThatSayNothingAndDoNotCallThemDuplicates) {
  add(0, Split::Train, "?!", label("a"));
  add(0, Split::Train, "", label("b"));
  add(0, Split::Test, "...", label("b"));
  auto const found = check_corpus(corpus);
  EXPECT_THAT(found, SizeIs(3));
  for (auto const& problem : found) EXPECT_THAT(problem, kind("empty-text"));
}

TEST_F(Checks, TellAPairFromItsPartsSwapped) {
  add(0, Split::Train, "x", label("a"));
  add(0, Split::Train, "y", label("b"));
  auto& rows = corpus.streams[0].examples[0];
  rows[10].texts = {"x", "y"};
  rows[11].texts = {"y", "x"};
  EXPECT_THAT(check_corpus(corpus), IsEmpty());
  rows[11].texts = {"X", "Y."};
  EXPECT_THAT(check_corpus(corpus), Contains(kind("contradicting-labels")));
}

TEST_F(Checks, NameTextsThatTheLengthLimitCuts) {
  auto const tokenizer =
      text::make_wordpiece({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "word"}, {}, "vocabulary").value();
  add(0, Split::Train, "word word word word word word word word word", label("a"));
  add(0, Split::Train, "word word word word word word", label("a"));
  auto const found = check_tokens(corpus, *tokenizer, 8);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0],
              warning("text-cut", "d.jsonl:21", "the text has 11 tokens, 3 more than train.max_length (8) keeps"));
}

TEST_F(Checks, CountTheSpansThatDoNotFitTheTokens) {
  auto const tokenizer =
      text::make_wordpiece({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "lamp", "##s", "red"}, {}, "vocabulary")
          .value();
  corpus.tasks[1].type = TaskType::Tagging;
  for (auto& example : corpus.streams[1].examples[0]) example.labels = {std::vector<task::Span>{}};
  auto const spans = [&](std::string const& text, std::vector<task::Span> const& said) {
    add(1, Split::Train, text, said);
  };
  spans("red lamps", {{0, 3, "a"}, {4, 8, "b"}});           // "##s" is a token: the borders fit
  spans("red lamps", {{1, 3, "a"}});                        // widened to "red"
  spans("red lamps", {{4, 6, "a"}, {6, 8, "b"}});           // one token for two spans: the second takes it
  spans("red lamps red red red red red", {{24, 26, "a"}});  // behind the length limit
  auto const found = check_tokens(corpus, *tokenizer, 8);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0], kind("text-cut"));
  EXPECT_THAT(found[1],
              warning("span-inside-token", "task \"other\"",
                      "3 of 5 spans begin or end inside a token, or have none of their own (\"ed\" at e.jsonl:22)"));
  EXPECT_THAT(found[1].message, HasSubstr("1 of them share all their tokens with another span"));
}

}  // namespace
}  // namespace polytask::data
