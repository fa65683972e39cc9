#include "nn/losses.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <cmath>

namespace polytask::nn {
namespace {

model::HeadSpec head_of(task::TaskType type, std::vector<std::string> labels) {
  model::HeadSpec head;
  head.task.type = type;
  head.labels = task::LabelSet(std::move(labels));
  return head;
}

TEST(TaskLoss, OfPredictingTheBaseRatesIsTheChanceLevelOfClassificationAndTagging) {
  auto const logits_of = [](std::vector<double> const& rates, std::int64_t n_rows) {
    std::vector<float> logits;
    for (double const rate : rates) logits.push_back(static_cast<float>(std::log(rate)));
    return torch::tensor(logits).repeat({n_rows, 1});
  };
  auto const classification = head_of(task::TaskType::Classification, {"a", "b"});
  data::Target const often = std::int32_t{0};
  data::Target const seldom = std::int32_t{1};
  std::vector<double> const rates{0.75, 0.25};
  EXPECT_NEAR(task_loss(classification, {}, logits_of(rates, 4), {&often, &seldom, &often, &often}).item<double>(),
              chance_level(classification, rates), 1e-6);

  auto const tagging = head_of(task::TaskType::Tagging, {"PER"});
  data::Target const tags = std::vector<std::int32_t>{data::kIgnored, 0, 1, 0, 2, data::kIgnored};
  std::vector<double> const tag_rates{0.5, 0.25, 0.25};
  EXPECT_NEAR(task_loss(tagging, {}, logits_of(tag_rates, 4), {&tags}).item<double>(), chance_level(tagging, tag_rates),
              1e-6);
}

TEST(ChanceLevel, IsThatOfAUniformGuessWhereClassesAreBalancedAndNeverFarBelowIt) {
  auto head = head_of(task::TaskType::Classification, {"a", "b", "c"});
  EXPECT_NEAR(chance_level(head, {1.0, 0.0, 0.0}), 0.1 * std::log(3.0), 1e-12);
  head.task.class_weights = task::ClassWeights::Balanced;
  EXPECT_NEAR(chance_level(head, {0.9, 0.1, 0.0}), std::log(3.0), 1e-12);
}

TEST(TaskLoss, OfPredictingTheBaseRatesIsTheChanceLevelOfMultilabel) {
  auto const head = head_of(task::TaskType::Multilabel, {"a", "b"});
  data::Target const first = std::vector<float>{1, 0};
  data::Target const second = std::vector<float>{0, 0};
  data::Target const third = std::vector<float>{0, 1};
  data::Target const fourth = std::vector<float>{0, 0};
  auto const logit = static_cast<float>(std::log(0.25 / 0.75));
  auto const loss = task_loss(head, {}, torch::full({4, 2}, logit), {&first, &second, &third, &fourth});
  EXPECT_NEAR(loss.item<double>(), chance_level(head, {0.25, 0.25}), 1e-6);
}

TEST(TaskLoss, OfPredictingTheMeanIsTheChanceLevelOfRegression) {
  auto const head = head_of(task::TaskType::Regression, {});
  std::vector<double> const values{10, 30};
  auto const [offset, scale] = data::target_scale(values);
  data::Target const low = static_cast<float>((10 - offset) / scale);
  data::Target const high = static_cast<float>((30 - offset) / scale);
  EXPECT_NEAR(task_loss(head, {}, torch::zeros({2, 1}), {&low, &high}).item<double>(), chance_level(head, {}), 1e-6);
}

TEST(TaskLoss, WeighsClassesAndSmoothsLabels) {
  auto const head = head_of(task::TaskType::Classification, {"a", "b"});
  data::Target const target = std::int32_t{0};
  auto const logits = torch::tensor({{2.0F, 0.0F}});
  double const plain = std::log(1 + std::exp(-2.0));
  double const wrong = plain + 2.0;
  EXPECT_NEAR(task_loss(head, {.class_weights = {3.0F, 1.0F}}, logits, {&target}).item<double>(), 3 * plain, 1e-5);
  EXPECT_NEAR(task_loss(head, {.label_smoothing = 0.2}, logits, {&target}).item<double>(), 0.9 * plain + 0.1 * wrong,
              1e-5);
}

}  // namespace
}  // namespace polytask::nn
