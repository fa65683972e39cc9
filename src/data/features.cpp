#include "data/features.h"

#include <algorithm>

#include "base/error.h"

namespace polytask::data {
namespace {

bool overlaps(task::ByteRange const& unit, task::Span const& span) { return unit.begin < span.end && span.begin < unit.end; }

Target target_of(task::Label const& label, TargetSpec const& spec, task::Encoding const& encoding, task::Example const& example) {
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
    case task::TaskType::Regression:
      return static_cast<float>((std::get<double>(label) - spec.mean) / spec.scale);
    case task::TaskType::Tagging: {
      auto const units = tagged_units(encoding, example);
      auto const tags = tags_of_units(units, std::get<std::vector<task::Span>>(label), spec.labels);
      std::vector<std::int32_t> target(encoding.size(), kIgnored);
      for (std::size_t i = 0; i < units.size(); ++i) target[units[i].token] = tags[i];
      return target;
    }
  }
  expects(false, "every task type has a target");
  return {};
}

}  // namespace

std::vector<TaggedUnit> tagged_units(task::Encoding const& encoding, task::Example const& example) {
  std::vector<TaggedUnit> units;
  std::size_t word = 0;
  for (std::size_t token = 0; token < encoding.size(); ++token) {
    if (encoding.text_index[token] != 0) continue;
    auto const& bytes = encoding.offsets[token];
    if (example.words.empty()) {
      units.push_back({token, bytes});
      continue;
    }
    while (word < example.words.size() && example.words[word].end <= bytes.begin) ++word;
    if (word == example.words.size()) break;
    bool const is_first = units.empty() || units.back().bytes.begin != example.words[word].begin;
    if (is_first && example.words[word].begin <= bytes.begin) units.push_back({token, example.words[word]});
  }
  return units;
}

std::vector<std::int32_t> tags_of_units(std::span<TaggedUnit const> units, std::span<task::Span const> spans,
                                        task::LabelSet const& labels) {
  std::vector<std::int32_t> tags(units.size(), 0);
  std::size_t at = 0;
  for (auto const& span : spans) {
    auto const label = labels.index_of(span.label);
    while (at < units.size() && units[at].bytes.end <= span.begin) ++at;
    for (std::size_t i = at; label && i < units.size() && overlaps(units[i].bytes, span); ++i)
      tags[i] = static_cast<std::int32_t>(1 + 2 * *label + (i == at ? 0 : 1));
  }
  return tags;
}

std::vector<task::Span> spans_of_units(std::span<TaggedUnit const> units, std::span<std::int32_t const> tags,
                                       task::LabelSet const& labels) {
  std::vector<task::Span> spans;
  std::int32_t previous = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    std::int32_t const tag = tags[i];
    if (tag > 0) {
      bool const is_inside = tag % 2 == 0;
      bool const continues = is_inside && previous > 0 && (previous - 1) / 2 == (tag - 1) / 2;
      if (continues)
        spans.back().end = units[i].bytes.end;
      else
        spans.push_back({units[i].bytes.begin, units[i].bytes.end, labels[static_cast<std::size_t>((tag - 1) / 2)]});
    }
    previous = tag;
  }
  return spans;
}

task::Encoding encode_example(text::Tokenizer const& tokenizer, task::Example const& example, std::size_t max_length) {
  text::EncodeOptions const options{.max_length = max_length};
  expects(example.texts.size() == 1 || example.texts.size() == 2, "an example has one text or a pair");
  return example.texts.size() == 1 ? tokenizer.encode(example.texts[0], options)
                                   : tokenizer.encode_pair(example.texts[0], example.texts[1], options);
}

Features features_of(task::Example const& example, text::Tokenizer const& tokenizer, std::size_t max_length,
                     std::span<TargetSpec const> targets) {
  expects(targets.size() == example.labels.size(), "one target specification per task of the stream");
  auto encoding = encode_example(tokenizer, example, max_length);
  Features features;
  for (std::size_t i = 0; i < targets.size(); ++i)
    features.targets.push_back(target_of(example.labels[i], targets[i], encoding, example));
  features.truncated = encoding.truncated();
  features.ids = std::move(encoding.ids);
  features.type_ids = std::move(encoding.type_ids);
  return features;
}

}  // namespace polytask::data
