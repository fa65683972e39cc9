// PyTorch's losses and their gradients: tests/golden/nn/make_losses.py.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <fstream>

#include "base/json.h"
#include "nn/losses.h"

namespace polytask::nn {
namespace {

constexpr double kTolerance = 1e-6;  ///< of the value, and of the gradient's largest entry

torch::Tensor matrix_of(Json const& json) {
  std::vector<torch::Tensor> rows;
  for (auto const& row : json) rows.push_back(torch::tensor(row.get<std::vector<float>>()));
  return torch::stack(rows);
}

model::HeadSpec head_of(std::string const& kind, std::int64_t n_outputs) {
  model::HeadSpec head;
  std::int64_t n_labels = n_outputs;
  if (kind == "multilabel") head.task.type = task::TaskType::Multilabel;
  if (kind == "regression") head.task.type = task::TaskType::Regression, n_labels = 0;
  if (kind == "span") head.task.type = task::TaskType::Span, n_labels = 0;
  if (kind == "multiple_choice") head.task.type = task::TaskType::MultipleChoice, n_labels = 0;
  if (kind == "tagging") head.task.type = task::TaskType::Tagging, n_labels = (n_outputs - 1) / 2;
  std::vector<std::string> labels;
  for (std::int64_t i = 0; i < n_labels; ++i) labels.push_back(fmt::format("l{}", i));
  head.labels = task::LabelSet(labels);
  return head;
}

data::Target target_of(std::string const& kind, Json const& json) {
  if (kind == "classification") return json.get<std::int32_t>();
  if (kind == "regression") return json.get<float>();
  if (kind == "multilabel") return json.get<std::vector<float>>();
  if (kind == "span") return data::AnswerTarget{json[0], json[1], json[2]};
  if (kind == "multiple_choice") return data::ChoiceTarget{json[0], json[1]};
  return json.get<std::vector<std::int32_t>>();
}

TEST(TaskLossGolden, ValuesAndGradientsEqualPyTorchs) {
  std::ifstream file("tests/golden/nn/losses.json");
  auto const golden = Json::parse(file);
  double largest = 0;
  for (auto const& one : golden["cases"]) {
    auto const kind = one["kind"].get<std::string>();
    auto logits = matrix_of(one["logits"]).requires_grad_();
    std::vector<data::Target> targets;
    for (auto const& target : one["targets"]) targets.push_back(target_of(kind, target));
    std::vector<data::Target const*> borrowed;
    for (auto const& target : targets) borrowed.push_back(&target);
    LossConfig const config{.label_smoothing = one["label_smoothing"],
                            .class_weights = one["class_weights"].get<std::vector<float>>()};

    auto const loss = task_loss(head_of(kind, logits.size(1)), config, logits, borrowed);
    loss.backward();

    auto const expected = one["loss"].get<double>();
    auto const gradient = matrix_of(one["gradient"]);
    double const of_loss = std::abs(loss.item<double>() - expected) / expected;
    double const of_gradient = ((logits.grad() - gradient).abs().max() / gradient.abs().max()).item<double>();
    EXPECT_LT(of_loss, kTolerance) << kind << ' ' << one["label_smoothing"] << ' ' << one["class_weights"];
    EXPECT_LT(of_gradient, kTolerance) << kind << ' ' << one["label_smoothing"] << ' ' << one["class_weights"];
    largest = std::max({largest, of_loss, of_gradient});
  }
  EXPECT_EQ(golden["cases"].size(), 16u);
  fmt::print("{} losses, largest difference {:.1e}\n", golden["cases"].size(), largest);
}

}  // namespace
}  // namespace polytask::nn
