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

TEST(TaskLoss, OfUniformGuessingIsTheChanceLevel) {
  auto const classification = head_of(task::TaskType::Classification, {"a", "b", "c"});
  data::Target const target = std::int32_t{1};
  auto const loss = task_loss(classification, {}, torch::zeros({1, 3}), {&target});
  EXPECT_NEAR(loss.item<double>(), chance_level(classification, {}), 1e-6);

  auto const tagging = head_of(task::TaskType::Tagging, {"PER", "LOC"});
  data::Target const tags = std::vector<std::int32_t>{data::kIgnored, 0, 1, data::kIgnored};
  EXPECT_NEAR(task_loss(tagging, {}, torch::zeros({2, 5}), {&tags}).item<double>(), chance_level(tagging, {}), 1e-6);
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
  data::Target const low = -1.0F;
  data::Target const high = 1.0F;
  EXPECT_NEAR(task_loss(head, {}, torch::zeros({2, 1}), {&low, &high}).item<double>(), chance_level(head, {}), 1e-6);
}

TEST(TaskLoss, WeighsClassesAndSmoothsLabels) {
  auto const head = head_of(task::TaskType::Classification, {"a", "b"});
  data::Target const target = std::int32_t{0};
  auto const logits = torch::tensor({{2.0F, 0.0F}});
  double const plain = std::log(1 + std::exp(-2.0));
  double const wrong = plain + 2.0;
  EXPECT_NEAR(task_loss(head, {.class_weights = {3.0F, 1.0F}}, logits, {&target}).item<double>(), 3 * plain, 1e-5);
  EXPECT_NEAR(task_loss(head, {.label_smoothing = 0.2}, logits, {&target}).item<double>(), 0.9 * plain + 0.1 * wrong, 1e-5);
}

}  // namespace
}  // namespace polytask::nn
