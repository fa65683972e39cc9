#include "train/pretrain_config.h"

#include <gmock/gmock.h>

namespace polytask::train {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> places(PretrainConfig const& config) {
  std::vector<std::string> places;
  for (auto const& problem : problems(config)) places.push_back(problem.where);
  return places;
}

TEST(PretrainConfig, ItsDefaultsAreInOrder) { EXPECT_THAT(places({}), IsEmpty()); }

TEST(PretrainConfig, EveryBrokenRuleIsNamedByItsKey) {
  PretrainConfig config;
  config.shape.heads = 3;
  config.masking.rate = 0;
  config.epochs = 0;
  config.stored = "f8";
  EXPECT_THAT(places(config), ElementsAre("encoder.hidden_size", "masking.rate", "train.epochs", "stored"));
}

TEST(PretrainConfig, WithoutWordsOrATeacherThereIsNothingToLearn) {
  PretrainConfig config;
  config.language_weight = 0;
  EXPECT_THAT(places(config), ElementsAre("train.language_weight"));
  config.distillation.teacher = "teacher";
  EXPECT_THAT(places(config), IsEmpty());
}

TEST(PretrainConfig, AVocabularyIsExtendedOnlyWhereOneIsKept) {
  PretrainConfig config;
  config.vocabulary.add = 100;
  EXPECT_THAT(places(config), ElementsAre("vocabulary.add"));
  config.from = "encoder";
  EXPECT_THAT(places(config), IsEmpty());
}

TEST(PretrainConfig, TokensAreKeptOnlyInAVocabularyThatIsLearntBesideThem) {
  PretrainConfig config;
  config.vocabulary.keep = 100;
  config.vocabulary.learn_from = {"ja"};
  EXPECT_THAT(places(config), ElementsAre("vocabulary.keep"));
  config.from = "encoder";
  EXPECT_THAT(places(config), ElementsAre("vocabulary.keep", "vocabulary.learn_from"));
  config.vocabulary.replace = true;
  EXPECT_THAT(places(config), IsEmpty());
  config.vocabulary.keep = config.vocabulary.size + 1;
  EXPECT_THAT(places(config), ElementsAre("vocabulary.keep"));
}

TEST(PretrainConfig, AContinuedEncoderLearnsMoreSlowly) {
  PretrainConfig config;
  EXPECT_DOUBLE_EQ(config.effective_learning_rate(), 1e-3);
  config.from = "encoder";
  EXPECT_DOUBLE_EQ(config.effective_learning_rate(), 2e-4);
  config.learning_rate = 5e-5;
  EXPECT_DOUBLE_EQ(config.effective_learning_rate(), 5e-5);
}

}  // namespace
}  // namespace polytask::train
