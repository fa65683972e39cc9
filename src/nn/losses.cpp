#include "nn/losses.h"

#include <torch/torch.h>

#include <cmath>

#include "base/error.h"
#include "task/task_spec.h"

namespace polytask::nn {
namespace {

using torch::Tensor;

Tensor cross_entropy(Tensor const& logits, std::vector<std::int64_t> const& classes, LossConfig const& config) {
  auto options =
      torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum).label_smoothing(config.label_smoothing);
  if (!config.class_weights.empty()) options = options.weight(torch::tensor(config.class_weights).to(logits.device()));
  auto const gold = torch::tensor(classes, torch::kInt64).to(logits.device());
  return torch::nn::functional::cross_entropy(logits, gold, options) / static_cast<double>(classes.size());
}

double entropy(double p) {
  if (p <= 0 || p >= 1) return 0;
  return -p * std::log(p) - (1 - p) * std::log(1 - p);
}

}  // namespace

double chance_level(model::HeadSpec const& head, std::vector<double> const& base_rates) {
  switch (head.task.type) {
    case task::TaskType::Classification:
    case task::TaskType::Tagging: {
      double const uniform = std::log(std::max<double>(2.0, static_cast<double>(head.n_outputs())));
      if (head.task.class_weights == task::ClassWeights::Balanced) return uniform;
      double total = 0;
      for (double const rate : base_rates)
        if (rate > 0) total -= rate * std::log(rate);
      // A label that nearly every row has leaves almost nothing to guess: do not let the rest of them rule the encoder.
      return std::max(total, 0.1 * uniform);
    }
    case task::TaskType::Multilabel: {
      double total = 0;
      for (double const rate : base_rates) total += entropy(rate);
      return std::max(total, 1e-3);  // labels that never vary say nothing; do not divide by zero
    }
    case task::TaskType::Regression: return data::kTargetDeviation * data::kTargetDeviation;
    case task::TaskType::Span:
    case task::TaskType::MultipleChoice: break;
  }
  expects(false, "every task type has a chance level, span of its windows, multiple choice of its choices");
  return 1.0;
}

double span_chance_level(double no_answer, double log_positions) {
  constexpr double kLeast = 0.25;  // of ln(tokens): windows that are nearly all alike leave almost nothing to guess
  double const guessed = entropy(no_answer) + (1 - no_answer) * log_positions;
  return std::max({guessed, kLeast * log_positions, 1e-3});
}

double choice_chance_level(double log_choices) { return std::max(log_choices, 1e-3); }

Tensor task_loss(model::HeadSpec const& head, LossConfig const& config, Tensor const& logits,
                 std::vector<data::Target const*> const& targets) {
  switch (head.task.type) {
    case task::TaskType::Classification: {
      std::vector<std::int64_t> classes;
      for (auto const* target : targets) classes.push_back(std::get<std::int32_t>(*target));
      return cross_entropy(logits, classes, config);
    }
    case task::TaskType::Tagging: {
      std::vector<std::int64_t> tags;
      for (auto const* target : targets)
        for (auto const tag : std::get<std::vector<std::int32_t>>(*target))
          if (tag != data::kIgnored) tags.push_back(tag);
      return cross_entropy(logits, tags, {.label_smoothing = config.label_smoothing});
    }
    case task::TaskType::Multilabel: {
      std::vector<float> all;
      for (auto const* target : targets) {
        auto const& one = std::get<std::vector<float>>(*target);
        all.insert(all.end(), one.begin(), one.end());
      }
      auto const gold = torch::tensor(all).view(logits.sizes()).to(logits.device());
      auto const sum = torch::nn::functional::binary_cross_entropy_with_logits(
          logits, gold, torch::nn::functional::BinaryCrossEntropyWithLogitsFuncOptions().reduction(torch::kSum));
      return sum / static_cast<double>(targets.size());
    }
    case task::TaskType::Regression: {
      std::vector<float> values;
      for (auto const* target : targets) values.push_back(std::get<float>(*target));
      return torch::mse_loss(logits.squeeze(-1), torch::tensor(values).to(logits.device()));
    }
    case task::TaskType::Span: {
      std::int64_t at = 0;
      std::vector<Tensor> likelihoods;
      for (auto const* target : targets) {
        auto const& [start, end, n_tokens] = std::get<data::AnswerTarget>(*target);
        auto const own = torch::log_softmax(logits.narrow(0, at, n_tokens), 0);
        likelihoods.push_back(own.select(0, start).select(0, 0) + own.select(0, end).select(0, 1));
        at += n_tokens;
      }
      expects(at == logits.size(0), "a span head gives a row of outputs a token");
      return torch::stack(likelihoods).mean() / -2;
    }
    case task::TaskType::MultipleChoice: {
      std::int64_t at = 0;
      std::vector<Tensor> losses;
      for (auto const* target : targets) {
        auto const& [right, n_choices] = std::get<data::ChoiceTarget>(*target);
        auto const own = logits.narrow(0, at, n_choices).view({1, n_choices});
        losses.push_back(cross_entropy(own, {right}, {.label_smoothing = config.label_smoothing}));
        at += n_choices;
      }
      expects(at == logits.size(0), "a multiple choice head gives an output a choice");
      return torch::stack(losses).mean();
    }
  }
  expects(false, "every task type has a loss");
  return {};
}

}  // namespace polytask::nn
