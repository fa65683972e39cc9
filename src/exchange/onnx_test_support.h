// What the tests of ONNX files share: a small model with every kind of head.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exchange/internal/onnx_graph.h"
#include "exchange/onnx_model.h"
#include "model/test_support.h"

namespace polytask::exchange::test_support {

/// Every task type and reading, and a pooler.
inline std::vector<model::HeadSpec> every_kind_of_head() {
  using model::test_support::head_of;
  using task::TaskType;
  auto const pair = [](model::HeadSpec head, task::PairEncoding encoding) {
    head.task.text = {"left", "right"};
    head.task.pair_encoding = encoding;
    return head;
  };
  auto topics = head_of("topics", TaskType::Multilabel, {"x", "y"});
  topics.pooler = model::Pooler::Tanh;
  auto urgency = head_of("urgency", TaskType::Regression, {});
  urgency.target_offset = 3;
  urgency.target_scale = 0.5;
  return {model::test_support::intent(),
          topics,
          urgency,
          model::test_support::things(),
          pair(head_of("follows", TaskType::Classification, {"no", "yes"}), task::PairEncoding::Cross),
          pair(head_of("likeness", TaskType::Regression, {}), task::PairEncoding::Bi),
          pair(head_of("duplicate", TaskType::Classification, {"no", "yes"}), task::PairEncoding::Bi)};
}

/// No two weights of it are equal.
inline OnnxModel small_model(std::int64_t private_layers = 1, std::string const& activation = "gelu") {
  OnnxModel model{.config = model::test_support::two_layers(),
                  .spec = {.max_length = 16, .private_layers = private_layers, .heads = every_kind_of_head()}};
  model.config.hidden_act = activation;
  if (private_layers > 0) model.spec.encoder_reading = model::Reading::Words;
  float next = 0;
  visit_weights(model.config, model.spec, model.weights,
                [&](auto const&, std::vector<std::int64_t> const& shape, model::Tensor& tensor) {
                  tensor = model::test_support::filled(shape, 0);
                  for (auto& value : tensor.values) value = next += 0.125F;
                });
  return model;
}

inline std::string bytes_of(OnnxModel model) { return onnx_bytes(std::move(model), "0.1.0", "folder"); }

/// Every weight by its name in the file.
inline std::map<std::string, std::vector<float>> values_of(OnnxModel model) {
  std::map<std::string, std::vector<float>> values;
  visit_weights(model.config, model.spec, model.weights,
                [&](auto const& name, auto const&, model::Tensor const& tensor) { values[name] = tensor.values; });
  return values;
}

}  // namespace polytask::exchange::test_support
