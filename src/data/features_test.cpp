#include "data/features.h"

#include <gmock/gmock.h>

#include <cmath>

#include "data/batches.h"
#include "text/encode_example.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::data {
namespace {
using task::TaskType;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::unique_ptr<text::Tokenizer const> tokenizer() {
  return text::make_wordpiece({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "new", "york", "##er", "is", "big"}, {},
                              "vocabulary")
      .value();
}

TEST(FeaturesOf, GiveATargetForEveryTaskThatLabelsTheText) {
  std::vector<TargetSpec> const specs{{TaskType::Classification, task::LabelSet({"x", "y"})},
                                      {TaskType::Multilabel, task::LabelSet({"a", "b", "c"})},
                                      {TaskType::Regression, {}, 10.0, 4.0},
                                      {TaskType::Tagging, task::LabelSet({"LOC", "PER"})},
                                      {TaskType::Classification, task::LabelSet({"x", "y"})}};
  task::Example const example{.texts = {"New Yorker is big"},
                              .labels = {std::string("y"), std::vector<std::string>{"a", "c"}, 16.0,
                                         std::vector<task::Span>{{0, 10, "PER"}}, task::Label{}}};
  auto const features = features_of(example, *tokenizer(), 16, specs);
  EXPECT_THAT(features.ids, ElementsAre(2, 5, 6, 7, 8, 9, 3));
  EXPECT_FALSE(features.truncated);
  ASSERT_THAT(features.targets, SizeIs(5));
  EXPECT_EQ(std::get<std::int32_t>(features.targets[0]), 1);
  EXPECT_THAT(std::get<std::vector<float>>(features.targets[1]), ElementsAre(1, 0, 1));
  EXPECT_FLOAT_EQ(std::get<float>(features.targets[2]), 1.5F);
  // B-PER = 3, I-PER = 4; [CLS] and [SEP] are asked about by no head.
  EXPECT_THAT(std::get<std::vector<std::int32_t>>(features.targets[3]), ElementsAre(kIgnored, 3, 4, 4, 0, 0, kIgnored));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(features.targets[4]));
}

TEST(FeaturesOf, TagTheFirstTokenOfEachGivenWord) {
  task::Example const example{
      .texts = {"New Yorker"}, .words = {{0, 3}, {4, 10}}, .labels = {std::vector<task::Span>{{4, 10, "PER"}}}};
  std::vector<TargetSpec> const specs{{TaskType::Tagging, task::LabelSet({"PER"})}};
  EXPECT_THAT(std::get<std::vector<std::int32_t>>(features_of(example, *tokenizer(), 16, specs).targets[0]),
              ElementsAre(kIgnored, 0, 1, kIgnored, kIgnored));
}

TEST(FeaturesOf, LeaveOutALabelOutsideItsSet) {
  task::Example const example{.texts = {"big"}, .labels = {std::string("z")}};
  std::vector<TargetSpec> const specs{{TaskType::Classification, task::LabelSet({"x"})}};
  EXPECT_TRUE(std::holds_alternative<std::monostate>(features_of(example, *tokenizer(), 16, specs).targets[0]));
}

TEST(FeaturesOf, SayWhenATextWasCut) {
  task::Example const example{.texts = {"big big big big big", "is is is is is"}};
  auto const features = features_of(example, *tokenizer(), 8, {});
  EXPECT_THAT(features.ids, SizeIs(8));
  EXPECT_THAT(features.type_ids, SizeIs(8));
  EXPECT_TRUE(features.truncated);
}

TEST(FeaturesOf, SayWhereThePairsSecondTextBegins) {
  auto const begins = [](std::vector<std::string> texts, std::size_t max_length) {
    return features_of({.texts = std::move(texts)}, *tokenizer(), max_length, {}).second_text;
  };
  EXPECT_EQ(begins({"new york"}, 16), 4);        // [CLS] new york [SEP]
  EXPECT_EQ(begins({"new york", "is"}, 16), 4);  // [CLS] new york [SEP] | is [SEP]
  EXPECT_EQ(begins({"new york", ""}, 16), 4);    // [CLS] new york [SEP] | [SEP]
}

TEST(FeaturesOf, EncodeThePairsTextsApartWhereToldTo) {
  auto const apart = [](std::vector<std::string> texts, std::size_t max_length) {
    return features_of({.texts = std::move(texts), .apart = true}, *tokenizer(), max_length, {});
  };
  auto const features = apart({"new york", "is big"}, 16);
  EXPECT_THAT(features.ids, ElementsAre(2, 5, 6, 3, 2, 8, 9, 3));  // as either text alone
  EXPECT_THAT(features.type_ids, testing::Each(0));
  EXPECT_EQ(features.second_text, 4);
  EXPECT_TRUE(features.apart);
  EXPECT_EQ(apart({"", ""}, 16).second_text, 2);
  auto const cut = apart({"big big big big big big big big big", "is"}, 8);
  EXPECT_TRUE(cut.truncated);
  EXPECT_THAT(cut.ids, SizeIs(8 + 3)) << "the limit is that of each text";
  auto const encoding = text::encode_example(*tokenizer(), {.texts = {"new york", "is big"}, .apart = true}, 16);
  EXPECT_THAT(encoding.text_index, ElementsAre(255, 0, 0, 255, 255, 1, 1, 255));
  EXPECT_EQ(encoding.offsets[6], (task::ByteRange{3, 6}));
}

TEST(TargetScale, PutsTheMeanAtZeroAndADeviationAtTheSizeOfLogits) {
  std::vector<double> const values{1, 3, 3, 5};  // mean 3, deviation sqrt(2)
  auto const [offset, scale] = target_scale(values);
  EXPECT_NEAR(offset, 3, 1e-12);
  EXPECT_NEAR(offset + kTargetDeviation * scale, 3 + std::sqrt(2.0), 1e-12);
}

TEST(TargetScale, KeepsTheUnitOfValuesThatAreAllTheSame) {
  std::vector<double> const values{7, 7};
  auto const [offset, scale] = target_scale(values);
  EXPECT_EQ(scale, 1.0);
  EXPECT_EQ(offset, 7);
  EXPECT_EQ(target_scale({}).scale, 1.0);
}

TEST(Batch, HoldsTextsOneAfterAnother) {
  Batch batch;
  append(batch, {.stream = 0, .row = 4}, {.ids = {2, 5, 3}, .type_ids = {0, 0, 0}});
  append(batch, {.stream = 1, .row = 0}, {.ids = {2, 3}, .type_ids = {0, 1}});
  EXPECT_THAT(batch.offsets, ElementsAre(0, 3, 5));
  EXPECT_THAT(batch.ids, ElementsAre(2, 5, 3, 2, 3));
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0, 1));
  EXPECT_THAT(batch.type_ids, ElementsAre(0, 0, 0, 0, 1));
  EXPECT_EQ(batch.n_tokens(), 5);
}

TEST(Batch, HoldsAPairThatIsEncodedApartAsTwoSequences) {
  Batch batch;
  append(batch, {}, {.ids = {2, 5, 3}, .type_ids = {0, 0, 0}, .second_text = 3});
  append(batch, {}, {.ids = {2, 3, 2, 5, 3}, .type_ids = {0, 0, 0, 0, 0}, .second_text = 2, .apart = true});
  append(batch, {}, {.ids = {2, 3, 5, 3}, .type_ids = {0, 0, 1, 1}, .second_text = 2});
  EXPECT_THAT(batch.offsets, ElementsAre(0, 3, 8, 12));
  EXPECT_THAT(batch.second_text, ElementsAre(3, 5, 10));
  EXPECT_THAT(batch.sequences, ElementsAre(0, 3, 5, 8, 12));
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0, 1, 0, 1, 2, 0, 1, 2, 3));
}

BatchPlan plan(BatchBudget budget, std::int64_t n_rows) {
  std::vector<std::vector<std::int32_t>> lengths{{10, 3, 7, 50, 1}, {4, 4, 4}};
  return {Mixture({5, 3}, {0.6, 0.4}, 3), lengths, budget, n_rows};
}

TEST(BatchPlan, StaysInItsTokenBudgetExceptForOneLongText) {
  std::vector<std::vector<std::int32_t>> const lengths{{10, 3, 7, 50, 1}, {4, 4, 4}};
  auto batches = plan({.max_tokens = 16}, 200);
  std::int64_t n_rows = 0;
  for (auto rows = batches.next(); !rows.empty(); rows = batches.next()) {
    std::int64_t n_tokens = 0;
    for (auto const& row : rows) n_tokens += lengths[row.stream][row.row];
    EXPECT_TRUE(n_tokens <= 16 || rows.size() == 1) << n_tokens;
    n_rows += static_cast<std::int64_t>(rows.size());
  }
  EXPECT_EQ(n_rows, 200);
  EXPECT_THAT(batches.next(), IsEmpty());
}

TEST(BatchPlan, CountsTextsWhereTheyAreAskedFor) {
  auto batches = plan({.max_texts = 3}, 8);
  EXPECT_THAT(batches.next(), SizeIs(3));
  EXPECT_THAT(batches.next(), SizeIs(3));
  EXPECT_THAT(batches.next(), SizeIs(2));
  EXPECT_THAT(batches.next(), IsEmpty());
}

TEST(BatchPlan, GoesOnFromASavedStateWithTheVerySameRows) {
  auto batches = plan({.max_tokens = 20}, 100);
  for (int i = 0; i < 5; ++i) (void)batches.next();
  auto const state = batches.state();
  auto resumed = plan({.max_tokens = 20}, 100);
  resumed.restore(state);
  EXPECT_EQ(resumed.totals().n_batches, batches.totals().n_batches);
  for (auto rows = batches.next(); !rows.empty(); rows = batches.next()) EXPECT_EQ(resumed.next(), rows);
  EXPECT_THAT(resumed.next(), IsEmpty());
}

TEST(BatchPlan, KnowsItsTotalsBeforeTheFirstBatch) {
  auto batches = plan({.max_tokens = 20}, 50);
  auto const totals = batches.totals();
  std::int64_t n_batches = 0;
  std::vector<std::int64_t> rows_by_stream(2, 0);
  for (auto rows = batches.next(); !rows.empty(); rows = batches.next()) {
    ++n_batches;
    for (auto const& row : rows) ++rows_by_stream[row.stream];
  }
  EXPECT_EQ(totals.n_batches, n_batches);
  EXPECT_EQ(totals.rows_by_stream, rows_by_stream);
  EXPECT_THAT(rows_by_stream, ElementsAre(30, 20));
}

}  // namespace
}  // namespace polytask::data
