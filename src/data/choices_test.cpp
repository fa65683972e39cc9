// Rows with choices: what they give, which is right, how they stand in a batch.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "data/batches.h"
#include "data/corpus.h"
#include "data/features.h"
#include "data/row_test_support.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::data {
namespace {

namespace fs = std::filesystem;
using task::TaskType;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Fields = std::vector<std::pair<std::string, Value>>;
using Texts = std::vector<std::string>;

task::TaskSpec choice_task(Texts choices = {"choices"}) {
  return {.name = "pick",
          .type = TaskType::MultipleChoice,
          .text = {"question"},
          .choices = std::move(choices),
          .label = "label"};
}

Row row_of(Fields fields) {
  fields.emplace_back("question", "q");
  return {.line = 1, .fields = std::move(fields)};
}

Texts texts_in(Fields fields, task::TaskSpec const& task = choice_task()) {
  auto const example = example_of(row_of(std::move(fields)), task, "f:1");
  return example ? example->texts : Texts{example.error().what()};
}

std::string why_not(Fields fields, task::TaskSpec const& task = choice_task()) {
  auto const texts = texts_in(std::move(fields), task);
  return texts.size() == 1 ? texts[0] : "no error";
}

/// "2", "-" where the row says nothing, or the error.
std::string label_in(Value label, Texts choices = {"red", "blue", "green"}) {
  auto const row = row_of({{"choices", std::move(choices)}, {"label", std::move(label)}});
  auto const task = choice_task();
  auto const found = label_of(row, example_of(row, task, "f:1").value(), task, "f:1");
  if (!found) return found.error().what();
  return task::is_labelled(*found) ? std::to_string(std::get<task::Choice>(*found).index) : "-";
}

TEST(Choices, StandInOneColumnAsAListOrInAColumnEach) {
  EXPECT_THAT(texts_in({{"choices", Texts{"red", "blue"}}}), ElementsAre("q", "red", "blue"));
  EXPECT_THAT(texts_in({{"choices", R"(["red", "blue", 3])"}}), ElementsAre("q", "red", "blue", "3"))
      << "a list in a table is JSON";
  auto const columns = choice_task({"c0", "c1", "c2"});
  EXPECT_THAT(texts_in({{"c2", "green"}, {"c0", "red"}, {"c1", "blue"}}, columns),
              ElementsAre("q", "red", "blue", "green"));
  EXPECT_THAT(texts_in({{"c0", std::int64_t{1}}, {"c1", 2.5}}, columns), ElementsAre("q", "1", "2.5"));
}

TEST(Choices, MayBeFewerInSomeRows) {
  auto const columns = choice_task({"c0", "c1", "c2"});
  for (auto const& nothing : {Value(), Value("")})
    EXPECT_THAT(texts_in({{"c0", "red"}, {"c1", "blue"}, {"c2", nothing}}, columns), ElementsAre("q", "red", "blue"));
  EXPECT_THAT(texts_in({{"c0", "red"}, {"c1", "blue"}}, columns), ElementsAre("q", "red", "blue"));
}

TEST(Choices, AmongWhichNoneCanBeRightSayWhy) {
  EXPECT_EQ(why_not({{"choices", Texts{"red"}}}), "f:1: the row has 1 choice; expected 2 to 64");
  EXPECT_THAT(why_not({{"choices", Texts{}}}), HasSubstr("the row has 0 choices; expected 2 to 64"));
  Texts many;
  for (int i = 0; i < 65; ++i) many.push_back(std::to_string(i));
  EXPECT_THAT(why_not({{"choices", many}}), HasSubstr("the row has 65 choices; expected 2 to 64"));
  many.pop_back();
  EXPECT_THAT(why_not({{"choices", many}}), "no error");
  EXPECT_THAT(why_not({{"choices", Texts{"red", "", "blue"}}}),
              HasSubstr("choice 1 of column \"choices\" is empty; fill it in, or take it out"));
  EXPECT_THAT(why_not({{"choices", Texts{"red", " \t", "blue"}}}), HasSubstr("choice 1 of column"));
  EXPECT_THAT(why_not({{"choices", Texts{"red", "blue", "red"}}}),
              HasSubstr("the choices 0 and 2 are both \"red\", so neither can be right alone"));
  EXPECT_THAT(why_not({{"choices", "red"}}), HasSubstr("column \"choices\" is \"red\"; expected a list of texts"));
  EXPECT_THAT(why_not({{"choices", OtherJson{R"(["red",null])"}}}), HasSubstr("expected a list of texts"));
  EXPECT_THAT(why_not({{"choices", std::int64_t{3}}}), HasSubstr("column \"choices\" is 3; expected a list"));
  EXPECT_THAT(why_not({{"choice", Texts{"red", "blue"}}}),
              HasSubstr("the row has no column \"choices\"; did you mean \"choice\""));
  auto const columns = choice_task({"c0", "c1", "c2"});
  EXPECT_THAT(why_not({{"c0", "red"}, {"c2", "blue"}}, columns),
              HasSubstr("column \"c1\" is empty, and \"c2\" behind it is not"));
  EXPECT_THAT(why_not({{"c0", "red"}, {"c1", true}, {"c2", "blue"}}, columns),
              HasSubstr("column \"c1\" is true; expected a text"));
  EXPECT_THAT(why_not({{"c0", "red"}}, columns), HasSubstr("the row has 1 choice"));
}

TEST(ChoiceLabels, AreNumbersFromZeroOrTheTextOfTheRightChoice) {
  EXPECT_EQ(label_in(std::int64_t{0}), "0");
  EXPECT_EQ(label_in(2.0), "2");
  EXPECT_EQ(label_in("1"), "1");
  EXPECT_EQ(label_in("green"), "2");
  EXPECT_EQ(label_in(Value()), "-");
  EXPECT_EQ(label_in(""), "-");
  EXPECT_EQ(label_in("20", {"10", "20"}), "1") << "no choice has this number";
  EXPECT_EQ(label_in("1", {"0", "1"}), "1") << "both readings say the same";
}

TEST(ChoiceLabels, ThatNameNoChoiceSayWhatIsExpected) {
  auto const expected = HasSubstr("expected the number of the right one of 3 choices, 0 to 2, or its text");
  EXPECT_THAT(label_in(std::int64_t{3}), AllOf(HasSubstr("f:1: column \"label\" is 3; "), expected));
  EXPECT_THAT(label_in(std::int64_t{-1}), AllOf(HasSubstr("column \"label\" is -1; "), expected));
  EXPECT_THAT(label_in("7"), AllOf(HasSubstr("column \"label\" is 7; "), expected));
  EXPECT_THAT(label_in(0.5), AllOf(HasSubstr("column \"label\" is 0.5; "), expected));
  EXPECT_THAT(label_in(true), AllOf(HasSubstr("column \"label\" is true; "), expected));
  EXPECT_THAT(label_in("grene"), AllOf(HasSubstr("\"grene\", the text of none of the row's choices; did you mean "
                                                 "\"green\""),
                                       expected));
  EXPECT_THAT(label_in(Texts{"red"}), expected);
}

TEST(ChoiceLabels, ThatCouldBeANumberOrATextAreNotGuessed) {
  EXPECT_THAT(label_in("1", {"1", "2"}),
              HasSubstr("\"1\", which is the text of choice 0 and the number of choice 1 (\"2\"); write the number"));
  EXPECT_EQ(label_in(std::int64_t{1}, {"1", "2"}), "1") << "a number is a number";
}

class ChoiceCorpus : public testing::Test {
 protected:
  fs::path file = fs::temp_directory_path() / ("polytask_choices_test_" + std::to_string(::getpid()) + ".jsonl");
  void TearDown() override { fs::remove(file); }

  Corpus load(std::string const& lines, task::TaskSpec task) const {
    write_file_atomically(file, lines);
    task.datasets = {"d"};
    return load_corpus({{.name = "d", .files = {{Split::Train, {file}}}, .split = {}, .format = {}, .columns = {}}},
                       {task}, 1);
  }
};

TEST_F(ChoiceCorpus, SaysOfEveryBadRowWhereItStandsAndKeepsTheOthers) {
  auto const corpus = load(R"({"question": "a", "choices": ["x", "y"], "label": 1}
{"question": "b", "choices": ["x"], "label": 0}
{"question": "c", "choices": ["x", "y"], "label": 2}
{"question": "d", "choices": ["x", "y", "z"], "label": "z"}
{"question": "e", "label": 0}
)",
                           choice_task());
  EXPECT_THAT(corpus.streams.at(0).of(Split::Train), SizeIs(2));
  std::vector<std::string> found;
  for (auto const& problem : corpus.problems)
    found.push_back(problem.where.substr(file.string().size()) + problem.kind);
  EXPECT_THAT(found, ElementsAre(":2unreadable-row", ":3unreadable-label", ":5unreadable-row"));
  EXPECT_EQ(corpus.n_labelled(0, Split::Train), 2u);
  EXPECT_TRUE(corpus.label_sets.at(0).empty());
}

TEST_F(ChoiceCorpus, SaysOnceThatNoRowHasAColumnOfChoices) {
  auto const corpus = load(R"({"question": "a", "c0": "x", "c1": "y", "label": 1}
{"question": "b", "c0": "x", "c1": "y", "label": 0}
)",
                           choice_task({"c0", "c1", "c3"}));
  ASSERT_THAT(corpus.problems, SizeIs(1));
  EXPECT_THAT(corpus.problems[0].message, HasSubstr("no row has the column \"c3\", which task \"pick\" reads as its "
                                                    "choice"));
}

TEST_F(ChoiceCorpus, WarnsOfRowsThatStandTwiceAndOfTextsThatAreCut) {
  auto const corpus = load(R"({"question": "a b", "choices": ["c", "d"], "label": 1}
{"question": "a b", "choices": ["c", "d"], "label": 0}
{"question": "a b", "choices": ["c", "e"], "label": 0}
{"question": "a b c d e f g", "choices": ["h", "i j"], "label": 0}
)",
                           choice_task());
  auto const problems = check_corpus(corpus);
  ASSERT_THAT(problems, SizeIs(1)) << "other choices are another row";
  EXPECT_EQ(problems[0].kind, "contradicting-labels");
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (char c = 'a'; c <= 'z'; ++c) tokens.push_back({c});
  auto const cut = check_tokens(corpus, *text::make_wordpiece(std::move(tokens), {}, "test").value(), 8);
  ASSERT_THAT(cut, SizeIs(1));
  EXPECT_EQ(cut[0].where, file.string() + ":4");
  EXPECT_THAT(cut[0].message, HasSubstr("the text and its longest choice have 12 tokens, 4 more than"));
}

std::unique_ptr<text::Tokenizer const> letters() {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (char c = 'a'; c <= 'z'; ++c) tokens.push_back({c});
  return text::make_wordpiece(std::move(tokens), {}, "test").value();
}

TEST(ChoiceFeatures, AreOneRowOfPairs) {
  task::Example const example{.texts = {"a", "b", "c d"}, .labels = {task::Choice{1}, {}}};
  auto const row = features_of_choices(example, *letters(), 16);
  EXPECT_THAT(row.ids, ElementsAre(2, 5, 3, 6, 3, 2, 5, 3, 7, 8, 3));
  EXPECT_THAT(row.type_ids, ElementsAre(0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1));
  EXPECT_THAT(row.choices, ElementsAre(5, 11));
  EXPECT_EQ(row.n_texts(), 2u);
  EXPECT_FALSE(row.truncated);
  EXPECT_THAT(row.targets, ElementsAre(Target(ChoiceTarget{.right = 1, .n_choices = 2}), Target()));
}

TEST(ChoiceFeatures, StandInABatchAsTextsThatDoNotSeeOneAnother) {
  task::Example const text{.texts = {"x"}};
  task::Example const example{.texts = {"a", "b", "c d"}};
  Batch batch;
  append(batch, {0, 4}, features_of(text, *letters(), 16, {}));
  append(batch, {1, 7}, features_of_choices(example, *letters(), 16));
  EXPECT_THAT(batch.rows, ElementsAre(DrawnRow{0, 4}, DrawnRow{1, 7}));
  EXPECT_THAT(batch.offsets, ElementsAre(0, 3, 8, 14));
  EXPECT_EQ(batch.sequences, batch.offsets);
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5));
  EXPECT_THAT(batch.second_text, ElementsAre(3, 8, 14));
}

TEST(ChoiceBatches, HoldARowWithAllOfItsChoicesOrNotAtAll) {
  // Rows of 11 tokens, as the one above: two of them fit into 24, a third does not.
  BatchPlan plan(Mixture({5}, {1.0}, 3), {{11, 11, 11, 11, 11}}, {.max_tokens = 24, .max_texts = std::nullopt}, 5);
  std::vector<std::size_t> sizes;
  for (auto rows = plan.next(); !rows.empty(); rows = plan.next()) sizes.push_back(rows.size());
  EXPECT_THAT(sizes, ElementsAre(2u, 2u, 1u));
}

}  // namespace
}  // namespace polytask::data
