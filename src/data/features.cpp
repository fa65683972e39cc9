#include "data/features.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "text/encode_example.h"

namespace polytask::data {
namespace {

Target target_of(task::Label const& label, TargetSpec const& spec, task::Encoding const& encoding,
                 task::Example const& example) {
  if (!task::is_labelled(label)) return {};
  switch (spec.type) {
    case task::TaskType::Classification: {
      auto const index = spec.labels.index_of(std::get<std::string>(label));
      return index ? Target(static_cast<std::int32_t>(*index)) : Target{};
    }
    case task::TaskType::Multilabel: {
      std::vector<float> target(spec.labels.size(), 0.0F);
      for (auto const& name : std::get<std::vector<std::string>>(label))
        if (auto const index = spec.labels.index_of(name)) target[*index] = 1.0F;
      return target;
    }
    case task::TaskType::Regression: return static_cast<float>((std::get<double>(label) - spec.offset) / spec.scale);
    case task::TaskType::Tagging: {
      auto const units = task::tagged_units(encoding, example);
      auto const tags = task::tags_of_units(units, std::get<std::vector<task::Span>>(label), spec.labels);
      std::vector<std::int32_t> target(encoding.size(), kIgnored);
      for (std::size_t i = 0; i < units.size(); ++i) target[units[i].token] = tags[i];
      return target;
    }
  }
  expects(false, "every task type has a target");
  return {};
}

}  // namespace

TargetScale target_scale(std::span<double const> values) {
  if (values.empty()) return {};
  auto const n = static_cast<double>(values.size());
  double const mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (double const value : values) squares += (value - mean) * (value - mean);
  double const deviation = std::sqrt(squares / n);
  double const scale = deviation > 0 ? deviation / kTargetDeviation : 1.0;
  return {mean, scale};
}

Features features_of(task::Example const& example, text::Tokenizer const& tokenizer, std::size_t max_length,
                     std::span<TargetSpec const> targets) {
  expects(targets.size() == example.labels.size(), "one target specification per task of the stream");
  auto encoding = text::encode_example(tokenizer, example, max_length);
  Features features;
  for (std::size_t i = 0; i < targets.size(); ++i)
    features.targets.push_back(target_of(example.labels[i], targets[i], encoding, example));
  features.truncated = encoding.truncated();
  features.second_text = text::second_text_of(encoding, example);
  features.apart = encoding.second_sequence > 0;
  features.ids = std::move(encoding.ids);
  features.type_ids = std::move(encoding.type_ids);
  return features;
}

}  // namespace polytask::data
