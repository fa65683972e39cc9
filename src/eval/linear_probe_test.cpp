#include "eval/linear_probe.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "eval/scores.h"

namespace polytask::eval {
namespace {

using task::TaskType;

/// Vectors of noise; entry 3 tells the label apart where `carries`.
struct Data {
  Vectors vectors{.size = 16};
  std::vector<task::Label> labels;
  Data(std::size_t n, bool carries, std::uint64_t seed) {
    Rng rng(seed);
    for (std::size_t i = 0; i < n; ++i) {
      auto const label = rng.below(3);
      for (std::size_t k = 0; k < 16; ++k)
        vectors.values.push_back(static_cast<float>(rng.normal() + (carries && k == 3 + label ? 5.0 : 0.0)));
      labels.emplace_back(std::string(1, static_cast<char>('a' + label)));
    }
  }
};

double accuracy(Data const& train, Data const& test) {
  task::LabelSet const labels({"a", "b", "c"});
  task::TaskSpec const spec{.type = TaskType::Classification};
  return primary_score(spec, labels, test.labels,
                       linear_probe(spec, labels, train.vectors, train.labels, test.vectors));
}

TEST(LinearProbe, ReadsWhatVectorsCarry) { EXPECT_GT(accuracy({400, true, 1}, {400, true, 2}), 0.95); }

TEST(LinearProbe, ReadsNothingWhereThereIsNothing) {
  EXPECT_NEAR(accuracy({400, false, 1}, {900, false, 2}), 1.0 / 3, 0.07);
}

TEST(LinearProbe, RecoversALinearFunction) {
  Rng rng(4);
  auto const make = [&](std::size_t n, std::vector<task::Label>& gold) {
    Vectors vectors{.size = 8};
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 2;
      for (std::size_t k = 0; k < 8; ++k) {
        vectors.values.push_back(static_cast<float>(rng.normal()));
        sum += static_cast<double>(vectors.values.back()) * static_cast<double>(k);
      }
      gold.emplace_back(sum);
    }
    return vectors;
  };
  std::vector<task::Label> gold, test_gold;
  auto const train = make(300, gold);
  auto const test = make(100, test_gold);
  auto const answers = linear_probe({.type = TaskType::Regression}, {}, train, gold, test);
  for (std::size_t i = 0; i < 100; ++i)
    EXPECT_NEAR(std::get<task::ValuePrediction>(answers[i]).value, std::get<double>(test_gold[i]), 0.5);
}

TEST(LinearProbe, AnswersSetsOfLabels) {
  Data data(300, true, 5);
  for (auto& label : data.labels) label = std::vector<std::string>{std::get<std::string>(label)};
  task::LabelSet const labels({"a", "b", "c"});
  task::TaskSpec const spec{.type = TaskType::Multilabel};
  EXPECT_GT(
      primary_score(spec, labels, data.labels, linear_probe(spec, labels, data.vectors, data.labels, data.vectors)),
      0.9);
}

TEST(LinearProbe, BearsColumnsThatNeverChange) {
  Data train(60, true, 1);
  for (std::size_t i = 0; i < train.vectors.values.size(); i += 16) train.vectors.values[i] = 7.0F;
  EXPECT_GT(accuracy(train, train), 0.9);
}

TEST(LinearProbe, TagsWords) {
  std::vector<task::Example> rows(60);
  LabelledRows labelled;
  Vectors vectors{.size = 2};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].texts = {"in New York today"};
    std::vector<task::Span> spans;
    if (i % 3 == 0) spans = {{3, 11, "PLACE"}};
    for (float const inside : {0.0F, 1.0F, 1.0F, 0.0F}) {
      vectors.values.push_back(i % 3 == 0 ? inside : 0.0F);
      vectors.values.push_back(1.0F);
    }
    labelled.examples.push_back(&rows[i]);
    labelled.labels.emplace_back(std::move(spans));
  }
  auto const found = tagging_probe(task::LabelSet({"PLACE"}), vectors, labelled, vectors, labelled.examples);
  ASSERT_EQ(found.size(), rows.size());
  auto const& spans = std::get<task::SpanPrediction>(found[0]).spans;
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].span, (task::Span{3, 11, "PLACE"}));
  EXPECT_TRUE(std::get<task::SpanPrediction>(found[1]).spans.empty());
}

TEST(LinearProbe, ChoosesWhatLooksRight) {
  std::vector<task::Example> rows(60);
  LabelledRows labelled;
  Vectors vectors{.size = 2};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].texts = i % 2 == 0 ? std::vector<std::string>{"q", "a", "b", "c"} : std::vector<std::string>{"q", "a", "b"};
    auto const right = i % (rows[i].texts.size() - 1);
    for (std::size_t c = 0; c + 1 < rows[i].texts.size(); ++c) {
      vectors.values.push_back(c == right ? 1.0F : -1.0F);
      vectors.values.push_back(static_cast<float>(i % 5));
    }
    labelled.examples.push_back(&rows[i]);
    labelled.labels.emplace_back(task::Choice{right});
  }
  auto const found = choice_probe(vectors, labelled, vectors, labelled.examples);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto const& choice = std::get<task::ChoicePrediction>(found.at(i));
    EXPECT_EQ(choice.choice, std::get<task::Choice>(labelled.labels[i]).index);
    EXPECT_EQ(choice.scores.size(), rows[i].texts.size() - 1);
  }
}

}  // namespace
}  // namespace polytask::eval
