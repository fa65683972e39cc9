#include "nn/read_rows.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <map>

#include "nn/multi_task_model.h"

namespace polytask::nn {
namespace {

using testing::ElementsAre;

TEST(ReadRows, KnowWhereReadTokensAre) {
  ReadRows const read({7, 2, 7, 4}, 10, torch::kCPU);
  EXPECT_TRUE(torch::equal(read.rows(), torch::tensor({2, 4, 7}, torch::kInt64)));
  EXPECT_THAT(read.places({4, 7, 2, 2}), ElementsAre(1, 2, 0, 0));
}

TEST(ReadRows, AreAllWhereMostAreRead) {
  ReadRows const read({0, 1, 2, 3}, 5, torch::kCPU);
  EXPECT_FALSE(read.rows().defined());
  EXPECT_THAT(read.places({3, 1}), ElementsAre(3, 1));
  EXPECT_FALSE(ReadRows().rows().defined());
}

/// Texts of 3, 1 and 6 tokens.
PackedTexts three_texts() {
  return {torch::tensor({1, 5, 2, 1, 1, 7, 8, 3, 9, 2}, torch::kInt64),
          torch::tensor({0, 1, 2, 0, 0, 1, 2, 3, 4, 5}, torch::kInt64),
          torch::zeros(10, torch::kInt64),
          {0, 3, 4, 10}};
}

model::EncoderConfig config_of(model::NormPlacement norms) {
  model::EncoderConfig config;
  config.vocab_size = 20;
  config.hidden_size = 8;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.intermediate_size = 16;
  config.max_position_embeddings = 16;
  config.norm_placement = norms;
  return config;
}

model::EncoderConfig one_layer_with_a_convolution() {
  auto config = config_of(model::NormPlacement::After);
  config.num_hidden_layers = 1;
  config.convolution = model::Convolution{};
  return config;
}

MultiTaskModel model_of(std::int64_t private_layers, model::EncoderConfig const& config) {
  model::ModelSpec spec{.pooling = model::Pooling::First, .max_length = 16, .private_layers = private_layers};
  for (auto const type : {task::TaskType::Classification, task::TaskType::Tagging}) {
    model::HeadSpec head;
    head.task = {.name = std::string(task::to_string(type)), .type = type, .metric = task::default_metric(type)};
    head.labels = task::LabelSet(std::vector<std::string>{"a", "b"});
    spec.heads.push_back(head);
  }
  MultiTaskModel model(config, spec, 0.0);
  Rng rng(3);
  model->encoder()->initialize(rng);
  model->initialize_tasks(rng);
  return model;
}

std::map<std::string, torch::Tensor> gradients_of(MultiTaskModel& model, torch::Tensor const& loss) {
  model->zero_grad();
  loss.backward();
  std::map<std::string, torch::Tensor> gradients;
  for (auto const& parameter : model->named_parameters())
    if (auto const& gradient = parameter.value().grad(); gradient.defined())
      gradients[parameter.key()] = (gradient.is_sparse() ? gradient.to_dense() : gradient).clone();
  return gradients;
}

TEST(WhatNobodyReads, IsLeftOutWithoutAnyChangeOfLogitsOrGradients) {
  std::vector<HeadInput> const inputs{{.head = 0, .texts = {2, 0}}, {.head = 1, .texts = {0, 2}, .tokens = {1, 5, 7}}};
  for (auto const& config : {config_of(model::NormPlacement::After), config_of(model::NormPlacement::Before),
                             one_layer_with_a_convolution()}) {
    auto model = model_of(0, config);
    auto const logits = model->forward(three_texts(), inputs, Pass());
    auto const gradients = gradients_of(model, logits[0].square().sum() + logits[1].square().sum());

    Pass none;
    auto const hidden = model->encoder()->forward(three_texts(), none);  // all of it
    auto const weights = model->named_parameters();
    auto const head = [&](std::string const& name, std::vector<std::int64_t> const& rows) {
      return torch::linear(hidden.index_select(0, torch::tensor(rows, torch::kInt64)), weights[name + ".weight"],
                           weights[name + ".bias"]);
    };
    auto const first = head("heads.0", {4, 0}), words = head("heads.1", {1, 5, 7});
    EXPECT_LT((logits[0] - first).abs().max().item<double>(), 1e-6);
    EXPECT_LT((logits[1] - words).abs().max().item<double>(), 1e-6);
    auto const expected = gradients_of(model, first.square().sum() + words.square().sum());
    ASSERT_EQ(gradients.size(), expected.size());
    for (auto const& [name, gradient] : expected)
      EXPECT_LT((gradients.at(name) - gradient).abs().max().item<double>(), 1e-6) << name;
  }
}

TEST(WhatNobodyReads, IsLeftOutOfPrivateLayersToo) {
  std::vector<HeadInput> const inputs{{.head = 0, .texts = {2, 0}}, {.head = 1, .texts = {0, 2}, .tokens = {1, 5, 7}}};
  for (auto const& config : {config_of(model::NormPlacement::After), one_layer_with_a_convolution()}) {
    auto shared = model_of(0, config);
    auto split = model_of(1, config);  // private layers start as the encoder's own
    auto const a = shared->forward(three_texts(), inputs, Pass()), b = split->forward(three_texts(), inputs, Pass());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_LT((a[i] - b[i]).abs().max().item<double>(), 1e-6);
  }
}

}  // namespace
}  // namespace polytask::nn
