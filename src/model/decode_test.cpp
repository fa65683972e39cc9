#include "model/decode.h"

#include <gmock/gmock.h>

#include <cmath>

#include "base/random.h"

namespace polytask::model {
namespace {
using testing::ElementsAre;
using testing::FloatNear;

HeadSpec head_of(task::TaskType type, std::vector<std::string> labels) {
  HeadSpec head;
  head.task.type = type;
  head.labels = task::LabelSet(std::move(labels));
  return head;
}

TEST(DecodeText, GivesProbabilitiesThatSumToOne) {
  auto const head = head_of(task::TaskType::Classification, {"a", "b", "c"});
  auto const prediction =
      std::get<task::ClassPrediction>(decode_text(head, std::vector<float>{0.0F, std::log(3.0F), 0.0F}));
  EXPECT_EQ(prediction.label, 1u);
  EXPECT_THAT(prediction.scores, ElementsAre(FloatNear(0.2F, 1e-6F), FloatNear(0.6F, 1e-6F), FloatNear(0.2F, 1e-6F)));
}

TEST(DecodeText, PutsNumbersBackIntoTheirUnits) {
  auto head = head_of(task::TaskType::Regression, {});
  head.target_offset = 10;
  head.target_scale = 2;
  EXPECT_DOUBLE_EQ(std::get<task::ValuePrediction>(decode_text(head, std::vector<float>{1.5F})).value, 13.0);
}

TEST(DecodeText, NamesTheLabelsAboveTheThreshold) {
  auto const head = head_of(task::TaskType::Multilabel, {"a", "b", "c"});
  auto const prediction =
      std::get<task::MultilabelPrediction>(decode_text(head, std::vector<float>{2.0F, -1.0F, 0.1F}));
  EXPECT_THAT(prediction.labels, ElementsAre(0u, 2u));
}

TEST(DecodeText, ATemperatureMakesItMoreOrLessSureAndChangesNoChoice) {
  auto head = head_of(task::TaskType::Classification, {"a", "b"});
  std::vector<float> const logits{std::log(9.0F), 0.0F};
  head.temperature = 2;  // 9 to 1 becomes 3 to 1
  auto const cooler = std::get<task::ClassPrediction>(decode_text(head, logits));
  EXPECT_EQ(cooler.label, 0u);
  EXPECT_THAT(cooler.scores, ElementsAre(FloatNear(0.75F, 1e-6F), FloatNear(0.25F, 1e-6F)));
  head.temperature = 1e-300;
  EXPECT_THAT(std::get<task::ClassPrediction>(decode_text(head, logits)).scores, ElementsAre(1.0F, 0.0F));

  auto labels = head_of(task::TaskType::Multilabel, {"a", "b"});
  labels.temperature = 0.5;  // 3 to 1 becomes 9 to 1
  auto const surer =
      std::get<task::MultilabelPrediction>(decode_text(labels, std::vector<float>{std::log(3.0F), -std::log(3.0F)}));
  EXPECT_THAT(surer.labels, ElementsAre(0u));
  EXPECT_THAT(surer.scores, ElementsAre(FloatNear(0.9F, 1e-6F), FloatNear(0.1F, 1e-6F)));
}

TEST(DecodeChoices, GivesProbabilitiesOfAsManyChoicesAsThereAre) {
  auto head = head_of(task::TaskType::MultipleChoice, {});
  auto const three = decode_choices(head, std::vector<float>{0.0F, std::log(3.0F), 0.0F});
  EXPECT_EQ(three.choice, 1u);
  EXPECT_THAT(three.scores, ElementsAre(FloatNear(0.2F, 1e-6F), FloatNear(0.6F, 1e-6F), FloatNear(0.2F, 1e-6F)));
  head.temperature = 2;  // 9 to 1 becomes 3 to 1
  auto const two = decode_choices(head, std::vector<float>{std::log(9.0F), 0.0F});
  EXPECT_EQ(two.choice, 0u);
  EXPECT_THAT(two.scores, ElementsAre(FloatNear(0.75F, 1e-6F), FloatNear(0.25F, 1e-6F)));
  EXPECT_EQ(decode_choices(head, std::vector<float>{1.0F, 2.0F, 2.0F}).choice, 1u) << "of equal ones the first";
}

TEST(BestValidTags, NeverOpensASpanWithAnInside) {
  // Tags O B I; the inside is the most probable everywhere, but nothing has begun.
  std::vector<float> const scores{-2, -1.5F, -0.1F, -3, -3, -0.1F};
  EXPECT_THAT(best_valid_tags(scores, 3), ElementsAre(1, 2));
}

TEST(BestValidTags, EqualsTheBestOfAllValidSequences) {
  Rng rng(4);
  constexpr std::size_t kTags = 5;
  constexpr std::size_t kUnits = 4;
  for (int repeat = 0; repeat < 50; ++repeat) {
    std::vector<float> scores(kTags * kUnits);
    for (auto& score : scores) score = static_cast<float>(rng.normal());
    float best = -1e9F;
    for (std::size_t code = 0; code < 625; ++code) {
      std::size_t rest = code;
      std::size_t previous = 0;
      float total = 0;
      bool valid = true;
      for (std::size_t unit = 0; unit < kUnits; ++unit, rest /= kTags) {
        std::size_t const tag = rest % kTags;
        if (tag > 0 && tag % 2 == 0 && previous != tag && previous + 1 != tag) valid = false;
        total += scores[unit * kTags + tag];
        previous = tag;
      }
      if (valid) best = std::max(best, total);
    }
    auto const tags = best_valid_tags(scores, kTags);
    float found = 0;
    for (std::size_t unit = 0; unit < kUnits; ++unit)
      found += scores[unit * kTags + static_cast<std::size_t>(tags[unit])];
    EXPECT_NEAR(found, best, 1e-5);
  }
}

TEST(DecodeUnits, GivesSpansInBytesWithTheMeanProbabilityOfTheirLabel) {
  auto const head = head_of(task::TaskType::Tagging, {"PER"});
  std::vector<task::TaggedUnit> const units{{1, {0, 4}}, {2, {5, 9}}, {3, {10, 12}}};
  float const sure = 20.0F;
  std::vector<float> const logits{0, sure, 0, 0, 0, std::log(2.0F), sure, 0, 0};
  auto const prediction = std::get<task::SpanPrediction>(decode_units(head, units, logits));
  ASSERT_EQ(prediction.spans.size(), 1u);
  EXPECT_EQ(prediction.spans[0].span, (task::Span{0, 9, "PER"}));
  EXPECT_NEAR(prediction.spans[0].score, (1.0 + 0.75) / 2, 1e-5) << "B and I count together";
}

}  // namespace
}  // namespace polytask::model
