#include "eval/baselines.h"

#include <gmock/gmock.h>

#include <deque>
#include <numeric>

#include "base/random.h"
#include "eval/scores.h"

namespace polytask::eval {
namespace {

using task::TaskType;

/// Rows that own their examples.
struct Rows {
  std::deque<task::Example> examples;
  LabelledRows labelled;
  void add(std::vector<std::string> texts, task::Label label) {
    examples.push_back({.texts = std::move(texts)});
    labelled.examples.push_back(&examples.back());
    labelled.labels.push_back(std::move(label));
  }
};

double score(task::TaskSpec const& spec, task::LabelSet const& labels, Rows const& rows,
             std::vector<task::Prediction> const& predicted) {
  return primary_score(spec, labels, rows.labelled.labels, predicted);
}

TEST(MajorityBaseline, GivesTheMostFrequentLabelToEveryRow) {
  task::LabelSet const labels({"a", "b"});
  Rows train;
  for (int i = 0; i < 5; ++i) train.add({"x"}, std::string(i < 3 ? "b" : "a"));
  train.add({"x"}, std::monostate{});
  auto const predicted =
      majority_baseline({.type = TaskType::Classification}, labels, train.labelled, train.labelled.examples);
  ASSERT_EQ(predicted.size(), 6U);
  EXPECT_EQ(std::get<task::ClassPrediction>(predicted[0]).label, 1U);
  EXPECT_THAT(std::get<task::ClassPrediction>(predicted[0]).scores,
              testing::ElementsAre(testing::FloatEq(0.4F), testing::FloatEq(0.6F)));
}

TEST(MajorityBaseline, GivesTheMeanToRegression) {
  Rows train;
  train.add({"x"}, 1.0);
  train.add({"y"}, 4.0);
  auto const predicted = majority_baseline({.type = TaskType::Regression}, {}, train.labelled, train.labelled.examples);
  EXPECT_DOUBLE_EQ(std::get<task::ValuePrediction>(predicted[1]).value, 2.5);
}

/// Sentences of ten random words; the words "red" and "blue" decide.
Rows coloured(std::size_t n, std::uint64_t seed) {
  Rng rng(seed);
  Rows rows;
  for (std::size_t i = 0; i < n; ++i) {
    bool const red = rng.below(2) == 1;
    std::string text;
    for (int w = 0; w < 10; ++w) text += "w" + std::to_string(rng.below(300)) + " ";
    rows.add({text + (red ? "Red." : "blue!")}, std::string(red ? "red" : "blue"));
  }
  return rows;
}

TEST(BagOfWordsBaseline, FindsTheWordsThatDecideAClass) {
  task::LabelSet const labels({"blue", "red"});
  task::TaskSpec const spec{.type = TaskType::Classification};
  auto const train = coloured(600, 1);
  auto const test = coloured(200, 2);
  EXPECT_GT(score(spec, labels, test, bag_of_words_baseline(spec, labels, train.labelled, test.labelled.examples, 1)),
            0.95);
  EXPECT_LT(score(spec, labels, test, majority_baseline(spec, labels, train.labelled, test.labelled.examples)), 0.65);
}

TEST(BagOfWordsBaseline, IsTheSameForTheSameSeed) {
  task::LabelSet const labels({"blue", "red"});
  task::TaskSpec const spec{.type = TaskType::Classification};
  auto const train = coloured(50, 1);
  auto const a = bag_of_words_baseline(spec, labels, train.labelled, train.labelled.examples, 7);
  auto const b = bag_of_words_baseline(spec, labels, train.labelled, train.labelled.examples, 7);
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_EQ(std::get<task::ClassPrediction>(a[i]).scores, std::get<task::ClassPrediction>(b[i]).scores);
}

TEST(BagOfWordsBaseline, TellsPairsThatShareTheirWords) {
  task::LabelSet const labels({"no", "yes"});
  task::TaskSpec const spec{.type = TaskType::Classification};
  auto const pairs = [](std::size_t n, std::uint64_t seed) {
    Rng rng(seed);
    Rows rows;
    for (std::size_t i = 0; i < n; ++i) {
      bool const same = rng.below(2) == 1;
      std::string a;
      std::string b;
      for (int w = 0; w < 8; ++w) {
        auto const word = "w" + std::to_string(rng.below(500)) + " ";
        a += word;
        b += same && w < 6 ? word : "v" + std::to_string(rng.below(500)) + " ";
      }
      rows.add({a, b}, std::string(same ? "yes" : "no"));
    }
    return rows;
  };
  auto const train = pairs(200, 1);
  auto const test = pairs(200, 2);
  EXPECT_GT(score(spec, labels, test, bag_of_words_baseline(spec, labels, train.labelled, test.labelled.examples, 1)),
            0.95);
}

TEST(BagOfWordsBaseline, AddsUpTheWorthOfWordsInRegression) {
  task::TaskSpec const spec{.type = TaskType::Regression, .metric = "pearson"};
  auto const rows_of = [](std::size_t n, std::uint64_t seed) {
    Rng rng(seed);
    Rows rows;
    for (std::size_t i = 0; i < n; ++i) {
      double value = 0;
      std::string text;
      for (int w = 0; w < 6; ++w) {
        auto const word = rng.below(20);
        value += static_cast<double>(word);
        text += "w" + std::to_string(word) + " ";
      }
      rows.add({text}, value);
    }
    return rows;
  };
  auto const train = rows_of(400, 1);
  auto const test = rows_of(200, 2);
  EXPECT_GT(score(spec, {}, test, bag_of_words_baseline(spec, {}, train.labelled, test.labelled.examples, 1)), 0.8);
}

TEST(BagOfWordsBaseline, MarksWordsThatWereMostlyNames) {
  task::LabelSet const labels({"CITY"});
  Rows train;
  train.add({"we saw Rome and Paris"}, std::vector<task::Span>{{7, 11, "CITY"}, {16, 21, "CITY"}});
  train.add({"Rome is old"}, std::vector<task::Span>{{0, 4, "CITY"}});
  Rows test;
  test.add({"old Rome, not paris; New York"}, std::vector<task::Span>{});
  auto const predicted =
      bag_of_words_baseline({.type = TaskType::Tagging}, labels, train.labelled, test.labelled.examples, 1);
  auto const& spans = std::get<task::SpanPrediction>(predicted[0]).spans;
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].span, (task::Span{4, 8, "CITY"}));
}

TEST(BagOfWordsBaseline, ReadsScriptsWithoutSpaces) {
  task::LabelSet const labels({"cat", "dog"});
  task::TaskSpec const spec{.type = TaskType::Classification};
  Rows train;
  for (int i = 0; i < 20; ++i) {
    train.add({"庭に猫がいる"}, std::string("cat"));
    train.add({"庭に犬がいる"}, std::string("dog"));
  }
  Rows test;
  test.add({"猫です"}, std::string("cat"));
  test.add({"犬です"}, std::string("dog"));
  EXPECT_EQ(score(spec, labels, test, bag_of_words_baseline(spec, labels, train.labelled, test.labelled.examples, 1)),
            1.0);
}

task::Label answer(std::string const& text) {
  return text.empty() ? task::Answers{} : task::Answers{{{0, text.size(), text}}};
}

std::string said(task::Prediction const& prediction) {
  auto const& answer = std::get<task::AnswerPrediction>(prediction).answer;
  return answer ? answer->text : "-";
}

TEST(SpanBaselines, AreTheFirstWordsAndWordsBesideTheQuestions) {
  task::TaskSpec const spec{.type = TaskType::Span};
  Rows train;
  for (auto const* text : {"a lamp", "one two three", "two words", ""}) train.add({"who?", "x y z"}, answer(text));
  Rows test;
  test.add({"Who built the tower?", "It is old. Gustave Eiffel built the tower, as all know."}, answer("x"));
  test.add({"Who?", "One"}, answer(""));
  test.add({"Who?", ""}, answer(""));
  auto const first = majority_baseline(spec, {}, train.labelled, test.labelled.examples);
  EXPECT_EQ(said(first[0]), "It is");
  EXPECT_EQ(said(first[1]), "One");
  EXPECT_EQ(said(first[2]), "-");
  auto const beside = bag_of_words_baseline(spec, {}, train.labelled, test.labelled.examples, 1);
  EXPECT_EQ(said(beside[0]), "Gustave Eiffel");
  EXPECT_EQ(said(beside[2]), "-");
}

TEST(SpanBaselines, SayNothingWhereMostQuestionsHaveNoAnswer) {
  task::TaskSpec const spec{.type = TaskType::Span};
  Rows train;
  for (auto const* text : {"lamp", "", ""}) train.add({"who?", "x y z"}, answer(text));
  for (auto const& predicted : {majority_baseline(spec, {}, train.labelled, train.labelled.examples),
                                bag_of_words_baseline(spec, {}, train.labelled, train.labelled.examples, 1)})
    for (auto const& one : predicted) EXPECT_EQ(said(one), "-");
}

std::size_t choice_in(task::Prediction const& prediction) {
  return std::get<task::ChoicePrediction>(prediction).choice;
}

TEST(ChoiceBaselines, AreTheMostCommonPlaceAndTheWordsOfTheChoices) {
  task::TaskSpec const spec{.name = "pick", .type = TaskType::MultipleChoice};
  Rows train;
  Rng rng(1);
  // Right is what the question names, or gold where it names nothing that is there.
  for (std::size_t i = 0; i < 120; ++i) {
    std::vector<std::string> const colours{"red", "blue", "green"};
    auto const right = static_cast<std::size_t>(rng.below(3));
    if (i % 2 == 0)
      train.add({"the " + colours[right] + " one", "red", "blue", "green"}, task::Choice{right});
    else
      train.add({"which", i % 4 == 1 ? "gold" : "tin", i % 4 == 1 ? "tin" : "gold"},
                task::Choice{i % 4 == 1 ? 0U : 1U});
  }
  train.add({"which", "a", "b", "c", "d"}, task::Choice{3});
  Rows test;
  test.add({"it is the blue one", "green", "blue", "red"}, task::Choice{1});
  test.add({"what", "tin", "gold"}, task::Choice{1});
  test.add({"what", "gold", "tin", "lead", "iron"}, task::Choice{0});
  auto const words = bag_of_words_baseline(spec, {}, train.labelled, test.labelled.examples, 1);
  EXPECT_EQ(score(spec, {}, test, words), 1.0);
  auto const& scores = std::get<task::ChoicePrediction>(words[2]).scores;
  EXPECT_EQ(scores.size(), 4u);
  EXPECT_NEAR(std::accumulate(scores.begin(), scores.end(), 0.0), 1, 1e-5);

  Rows places;
  for (auto const right : {2U, 2U, 2U, 1U, 1U, 0U}) places.add({"q", "a", "b", "c"}, task::Choice{right});
  auto const common = majority_baseline(spec, {}, places.labelled, test.labelled.examples);
  EXPECT_EQ(choice_in(common[0]), 2u);
  EXPECT_EQ(choice_in(common[1]), 1u) << "the most common of the places that the row has";
  EXPECT_EQ(choice_in(common[2]), 2u);
}

TEST(ChoiceBaselines, AnswerWhenNoTrainingRowIsLabelled) {
  task::TaskSpec const spec{.name = "pick", .type = TaskType::MultipleChoice};
  Rows train;
  train.add({"q", "a", "b"}, std::monostate{});
  for (auto const& predicted : {majority_baseline(spec, {}, train.labelled, train.labelled.examples),
                                bag_of_words_baseline(spec, {}, train.labelled, train.labelled.examples, 1)})
    EXPECT_EQ(choice_in(predicted.at(0)), 0u);
}

TEST(BagOfWordsBaseline, AnswersWhenNoTrainingRowIsLabelled) {
  task::LabelSet const labels({"a"});
  Rows train;
  train.add({"x"}, std::monostate{});
  for (auto const type : {TaskType::Classification, TaskType::Multilabel, TaskType::Regression, TaskType::Tagging})
    EXPECT_EQ(bag_of_words_baseline({.type = type}, labels, train.labelled, train.labelled.examples, 1).size(), 1U);
}

}  // namespace
}  // namespace polytask::eval
