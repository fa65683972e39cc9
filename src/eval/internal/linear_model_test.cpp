#include "eval/internal/linear_model.h"

#include <gmock/gmock.h>

#include <cmath>

namespace polytask::eval {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

/// The update of the paper, in double, for one weight: its gradients one after another.
double adagrad(std::vector<double> const& gradients) {
  double weight = 0;
  double squares = 0;
  for (double const g : gradients) {
    squares += g * g;
    weight -= LinearModel::kStep * g / (LinearModel::kDelta + std::sqrt(squares));
  }
  return weight;
}

TEST(LinearModel, LearnsByTheUpdateOfAdaGrad) {
  LinearModel model(2, 2);
  Features const first{{0, 0.5F}, {1, -2.0F}};
  Features const second{{1, 3.0F}};
  model.learn(first, {0.4F, -1.0F});
  model.learn(second, {-0.2F, 0.0F});
  model.learn(first, {0.1F, 0.7F});
  // By output: gradients of the bias, of feature 0 and of feature 1.
  double const bias0 = adagrad({0.4, -0.2, 0.1}), bias1 = adagrad({-1.0, 0.7});
  double const zero0 = adagrad({0.2, 0.05}), zero1 = adagrad({-0.5, 0.35});
  double const one0 = adagrad({-0.8, -0.6, -0.2}), one1 = adagrad({2.0, -1.4});
  auto const near = [](double value) { return FloatNear(static_cast<float>(value), 1e-5F); };
  EXPECT_THAT(model.scores({}), ElementsAre(near(bias0), near(bias1)));
  EXPECT_THAT(model.scores({{0, 1.0F}}), ElementsAre(near(bias0 + zero0), near(bias1 + zero1)));
  EXPECT_THAT(model.scores({{1, 1.0F}}), ElementsAre(near(bias0 + one0), near(bias1 + one1)));
}

TEST(LinearModel, AveragesTheWeightsThatItRemembers) {
  LinearModel model(1, 1);
  model.learn({}, {1.0F});
  float const early = model.scores({})[0];
  model.remember();
  model.learn({}, {1.0F});
  float const late = model.scores({})[0];
  model.remember();
  model.average();
  EXPECT_FLOAT_EQ(model.scores({})[0], (early + late) / 2);
}

TEST(LinearModel, KeepsItsWeightsWhenNothingWasRemembered) {
  LinearModel model(1, 1);
  model.learn({}, {1.0F});
  float const before = model.scores({})[0];
  model.average();
  EXPECT_EQ(model.scores({})[0], before);
}

}  // namespace
}  // namespace polytask::eval
