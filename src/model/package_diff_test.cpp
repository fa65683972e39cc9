#include "model/package_diff.h"

#include <gmock/gmock.h>

#include "model/precision_plan.h"
#include "model/test_support.h"

namespace polytask::model {
namespace {

using namespace test_support;
using testing::ElementsAre;
using testing::IsEmpty;

class Difference : public testing::Test {
 protected:
  PackageContents contents(std::vector<HeadSpec> heads = {intent(), things()}, SampleValues const& values = {}) const {
    static int n = 0;
    auto const folder = temporary_ / std::to_string(n++);
    write_sample_model(folder, std::move(heads), values);
    return contents_of_model(folder, [](HeadSpec const&) { return TaskOrigin{}; });
  }
  TemporaryFolder const temporary_;
};

TEST_F(Difference, IsNoneBetweenEqualModels) {
  auto const found = difference(contents(), contents());
  EXPECT_FALSE(found.encoder || found.reading);
  EXPECT_THAT(found.private_layers, IsEmpty());
  for (auto const& task : found.tasks) EXPECT_FALSE(task.answers_can_change()) << task.task;
}

TEST_F(Difference, OfTheEncoderReachesEveryTask) {
  auto const found = difference(contents(), contents({intent(), things()}, {.encoder = 2}));
  EXPECT_TRUE(found.encoder);
  for (auto const& task : found.tasks) EXPECT_THAT(task.because, ElementsAre("encoder")) << task.task;
}

TEST_F(Difference, OfPrivateLayersReachesTheirReadingAlone) {
  auto const found = difference(contents(), contents({intent(), things()}, {.private_layers = 2}));
  EXPECT_THAT(found.private_layers, ElementsAre(Reading::Words));
  EXPECT_FALSE(found.tasks[0].answers_can_change());
  EXPECT_THAT(found.tasks[1].because, ElementsAre("private layers"));
}

TEST_F(Difference, OfWhatIsComputedInIsOfPrecisionsAndNotOfWhatWasMeasured) {
  auto const plain = contents();
  auto const with = [&](PrecisionPlan const& plan) {
    auto other = plain;
    set_precision(other, plan);
    return other;
  };
  PrecisionPlan plan{.precision = "int8", .higher = {{"encoder.layer.0.output", "bf16"}}};
  auto const quantized = with(plan);
  auto found = difference(plain, quantized);
  EXPECT_TRUE(found.precision);
  for (auto const& task : found.tasks) EXPECT_THAT(task.because, ElementsAre("precision")) << task.task;

  plan.losses["intent"] = {.metric = "accuracy", .exact = 0.9, .now = 0.8, .n = 10, .split = "dev"};
  found = difference(quantized, with(plan));
  EXPECT_FALSE(found.precision);
  for (auto const& task : found.tasks) EXPECT_FALSE(task.answers_can_change()) << task.task;

  EXPECT_FALSE(difference(plain, with({.higher = {{"encoder.layer.0.output", "f32"}}})).precision);

  plan.higher["private/words/encoder.layer.1.output"] = "bf16";
  found = difference(quantized, with(plan));
  EXPECT_TRUE(found.precision);
  EXPECT_FALSE(found.tasks[0].answers_can_change()) << "a text does not go through the layers for words";
  EXPECT_THAT(found.tasks[1].because, ElementsAre("precision"));
}

TEST_F(Difference, OfATaskIsNamedAndStaysItsOwn) {
  auto changed = intent();
  changed.labels = task::LabelSet({"a", "c", "d"});
  changed.temperature = 2;
  auto const found = difference(contents(), contents({changed, things()}));
  EXPECT_THAT(found.tasks[0].because, ElementsAre("labels", "temperature"));
  EXPECT_THAT(found.tasks[0].labels_added, ElementsAre("d"));
  EXPECT_THAT(found.tasks[0].labels_removed, ElementsAre("b"));
  EXPECT_EQ(found.tasks[0].temperature, std::pair(1.0, 2.0));
  EXPECT_FALSE(found.tasks[0].probabilities_alone);
  EXPECT_FALSE(found.tasks[1].answers_can_change());
}

TEST_F(Difference, OfATemperatureAloneChangesNoLabelOfAClassification) {
  auto warmer = intent();
  warmer.temperature = 2;
  EXPECT_TRUE(difference(contents(), contents({warmer, things()})).tasks[0].probabilities_alone);
  auto topics = head_of("topics", task::TaskType::Multilabel, {"x"});
  auto const before = contents({topics});
  topics.temperature = 2;
  EXPECT_FALSE(difference(before, contents({topics})).tasks[0].probabilities_alone)
      << "its threshold is of probabilities";
}

TEST_F(Difference, NamesTheTasksThatOneOfThemLacks) {
  auto const found = difference(contents({intent()}), contents({things()}));
  ASSERT_EQ(found.tasks.size(), 2u);
  EXPECT_EQ(found.tasks[0].in, InPackages::First);
  EXPECT_EQ(found.tasks[1].in, InPackages::Second);
}

}  // namespace
}  // namespace polytask::model
