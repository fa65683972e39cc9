#include "data/features.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "text/encode_choices.h"
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
    case task::TaskType::Span:
    case task::TaskType::MultipleChoice: break;
  }
  expects(false, "every task type has a target, span by windows, multiple choice by choices");
  return {};
}

/// Of one window.
Target answer_target(task::Label const& label, task::Passage const& passage, task::TokenRange const& window) {
  auto const* answers = std::get_if<task::Answers>(&label);
  if (answers == nullptr) return {};
  AnswerTarget target{.n_tokens = static_cast<std::int32_t>(passage.n_tokens(window))};
  if (answers->pieces.empty()) return target;
  auto const& piece = answers->pieces.front();
  auto const tokens = task::tokens_of(passage, {piece.begin, piece.end});
  if (!tokens || tokens->begin < window.begin || tokens->end > window.end) return target;
  auto const place = [&](std::size_t token) {
    return static_cast<std::int32_t>(passage.n_before + token - window.begin);
  };
  target.start = place(tokens->begin);
  target.end = place(tokens->end - 1);
  return target;
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

Features features_of_choices(task::Example const& example, text::Tokenizer const& tokenizer, std::size_t max_length) {
  auto const encodings = text::encode_choices(tokenizer, example, max_length);
  Features row{.truncated = text::n_dropped(encodings) > 0};
  for (auto const& encoding : encodings) {
    row.ids.insert(row.ids.end(), encoding.ids.begin(), encoding.ids.end());
    row.type_ids.insert(row.type_ids.end(), encoding.type_ids.begin(), encoding.type_ids.end());
    row.choices.push_back(static_cast<std::int32_t>(row.ids.size()));
  }
  for (auto const& label : example.labels) {
    auto& target = row.targets.emplace_back();
    if (auto const* choice = std::get_if<task::Choice>(&label))
      target = ChoiceTarget{.right = static_cast<std::int32_t>(choice->index),
                            .n_choices = static_cast<std::int32_t>(encodings.size())};
  }
  return row;
}

text::PassageOptions passage_options(task::TaskSpec const& task, std::size_t max_length) {
  return {.max_length = max_length,
          .stride = task.stride ? std::optional(static_cast<std::size_t>(*task.stride)) : std::nullopt};
}

std::vector<Features> features_of_windows(task::Example const& example, text::Tokenizer const& tokenizer,
                                          text::PassageOptions const& options) {
  auto const encoded = text::encode_passage(tokenizer, example, options);
  std::vector<Features> rows;
  for (auto const& window : encoded.passage.windows) {
    auto& row = rows.emplace_back();
    for (auto const& label : example.labels) row.targets.push_back(answer_target(label, encoded.passage, window));
    auto tokens = encoded.window(window);
    row.ids = std::move(tokens.ids);
    row.type_ids = std::move(tokens.type_ids);
    row.second_text = static_cast<std::int32_t>(encoded.passage.n_before);
    row.truncated = encoded.n_dropped > 0;
  }
  return rows;
}

}  // namespace polytask::data
