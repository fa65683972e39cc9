#include "model/decode.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace polytask::model {
namespace {

/// Of logits / temperature. The largest is taken off first: no temperature makes an infinity of it.
std::vector<float> log_softmax(std::span<float const> logits, double temperature = 1.0) {
  float const largest = *std::max_element(logits.begin(), logits.end());
  auto const scaled = [&](float logit) { return static_cast<double>(logit - largest) / temperature; };
  double sum = 0;
  for (float const logit : logits) sum += std::exp(scaled(logit));
  std::vector<float> result;
  result.reserve(logits.size());
  for (float const logit : logits) result.push_back(static_cast<float>(scaled(logit) - std::log(sum)));
  return result;
}

bool may_follow(std::size_t tag, std::size_t previous) {
  bool const is_inside = tag > 0 && tag % 2 == 0;
  return !is_inside || previous == tag || previous + 1 == tag;
}

task::ClassPrediction decode_class(std::span<float const> logits, double temperature) {
  task::ClassPrediction prediction;
  prediction.scores.reserve(logits.size());
  for (float const value : log_softmax(logits, temperature)) prediction.scores.push_back(std::exp(value));
  prediction.label = static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  return prediction;
}

task::MultilabelPrediction decode_labels(std::span<float const> logits, double temperature, double threshold) {
  task::MultilabelPrediction prediction;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    prediction.scores.push_back(
        static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logits[i]) / temperature))));
    if (static_cast<double>(prediction.scores.back()) >= threshold) prediction.labels.push_back(i);
  }
  return prediction;
}

}  // namespace

task::Prediction decode_text(HeadSpec const& head, std::span<float const> logits) {
  expects(logits.size() == head.n_outputs(), "a head gives as many outputs as its specification says");
  switch (head.task.type) {
    case task::TaskType::Classification: return decode_class(logits, head.temperature);
    case task::TaskType::Multilabel: return decode_labels(logits, head.temperature, head.threshold);
    case task::TaskType::Regression:
      return task::ValuePrediction{head.target_offset + head.target_scale * static_cast<double>(logits[0])};
    case task::TaskType::Tagging:
    case task::TaskType::Span:
    case task::TaskType::MultipleChoice: break;
  }
  expects(false, "tagging is decoded by units, span by windows, and multiple choice by choices");
  return {};
}

task::ChoicePrediction decode_choices(HeadSpec const& head, std::span<float const> logits) {
  auto decoded = decode_class(logits, head.temperature);
  return {decoded.label, std::move(decoded.scores)};
}

std::vector<std::int32_t> best_valid_tags(std::span<float const> log_probabilities, std::size_t n_tags) {
  std::size_t const n_units = log_probabilities.size() / n_tags;
  constexpr float kImpossible = -std::numeric_limits<float>::infinity();
  std::vector<float> score(n_tags, kImpossible);
  std::vector<std::int32_t> came_from(n_units * n_tags, 0);
  for (std::size_t unit = 0; unit < n_units; ++unit) {
    // Before the first unit stands an O.
    std::vector<float> const previous = unit == 0 ? std::vector<float>(1, 0.0F) : score;
    std::size_t const best_any =
        static_cast<std::size_t>(std::max_element(previous.begin(), previous.end()) - previous.begin());
    for (std::size_t tag = 0; tag < n_tags; ++tag) {
      std::size_t from = best_any;
      if (tag > 0 && tag % 2 == 0) {  // inside: only its own B or I
        from = tag - 1;
        if (tag < previous.size() && previous[tag] > previous[tag - 1]) from = tag;
      }
      bool const possible = from < previous.size() && may_follow(tag, from);
      score[tag] = possible ? previous[from] + log_probabilities[unit * n_tags + tag] : kImpossible;
      came_from[unit * n_tags + tag] = static_cast<std::int32_t>(from);
    }
  }
  std::vector<std::int32_t> tags(n_units, 0);
  auto tag = static_cast<std::int32_t>(std::max_element(score.begin(), score.end()) - score.begin());
  for (std::size_t unit = n_units; unit-- > 0;) {
    tags[unit] = tag;
    tag = came_from[unit * n_tags + static_cast<std::size_t>(tag)];
  }
  return tags;
}

task::Prediction decode_units(HeadSpec const& head, std::span<task::TaggedUnit const> units,
                              std::span<float const> logits) {
  std::size_t const n_tags = head.n_outputs();
  expects(logits.size() == units.size() * n_tags, "a tagging head gives one row of outputs a unit");
  std::vector<float> log_probabilities;
  log_probabilities.reserve(logits.size());
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    auto const row = log_softmax(logits.subspan(unit * n_tags, n_tags));
    log_probabilities.insert(log_probabilities.end(), row.begin(), row.end());
  }
  auto const tags = best_valid_tags(log_probabilities, n_tags);
  task::SpanPrediction prediction;
  std::size_t unit = 0;
  for (auto& span : task::spans_of_units(units, tags, head.labels)) {
    while (units[unit].bytes.begin < span.begin) ++unit;
    float sum = 0;
    int n = 0;
    for (; unit < units.size() && units[unit].bytes.end <= span.end && tags[unit] != 0; ++unit, ++n) {
      // Of B- and I- together: a model that is sure of the label need not be sure where it begins.
      auto const inside = static_cast<std::size_t>(tags[unit] + tags[unit] % 2);
      sum +=
          std::exp(log_probabilities[unit * n_tags + inside - 1]) + std::exp(log_probabilities[unit * n_tags + inside]);
    }
    prediction.spans.push_back({std::move(span), n > 0 ? std::min(1.0F, sum / static_cast<float>(n)) : 0.0F});
  }
  return prediction;
}

}  // namespace polytask::model
