#include "eval/baselines.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/random.h"
#include "eval/internal/answer_baselines.h"
#include "eval/internal/choice_baselines.h"
#include "eval/internal/linear_model.h"
#include "eval/internal/tagged_words.h"
#include "eval/internal/word_features.h"

namespace polytask::eval {
namespace {

constexpr int kPasses = 12;
constexpr float kThreshold = 0.5F;  // of a label, as in the models

/// Rows that carry a label.
std::vector<std::size_t> labelled(LabelledRows const& rows) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < rows.labels.size(); ++i)
    if (task::is_labelled(rows.labels[i])) indices.push_back(i);
  return indices;
}

/// Passes over the rows in a new order each; `gradient_of(row, scores)` turns scores into their gradient.
template <typename GradientOf>
LinearModel learn(WordFeatures const& words, std::vector<Features> const& rows, std::size_t n_outputs,
                  std::uint64_t seed, GradientOf const& gradient_of) {
  LinearModel model(words.size(), n_outputs);
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  Rng rng(seed);
  for (int pass = 0; pass < kPasses; ++pass) {
    rng.shuffle(std::span(order));
    for (auto const i : order) {
      auto scores = model.scores(rows[i]);
      gradient_of(i, scores);
      model.learn(rows[i], scores);
    }
    if (pass >= kPasses / 2) model.remember();
  }
  model.average();
  return model;
}

void softmax(std::vector<float>& scores) {
  float const largest = *std::max_element(scores.begin(), scores.end());
  float sum = 0;
  for (auto& score : scores) sum += score = std::exp(score - largest);
  for (auto& score : scores) score /= sum;
}

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

task::Prediction class_prediction(std::vector<float> probabilities) {
  auto const best =
      static_cast<std::size_t>(std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
  return task::ClassPrediction{best, std::move(probabilities)};
}

task::Prediction multilabel_prediction(std::vector<float> probabilities) {
  task::MultilabelPrediction several;
  for (std::size_t i = 0; i < probabilities.size(); ++i)
    if (probabilities[i] >= kThreshold) several.labels.push_back(i);
  several.scores = std::move(probabilities);
  return several;
}

/// How often each label stands among the rows, as a share.
std::vector<float> label_shares(task::LabelSet const& labels, LabelledRows const& train,
                                std::vector<std::size_t> const& rows) {
  std::vector<float> shares(labels.size());
  auto const count = [&](std::string const& label) {
    if (auto const index = labels.index_of(label)) shares[*index] += 1.0F / static_cast<float>(rows.size());
  };
  for (auto const i : rows) {
    if (auto const* one = std::get_if<std::string>(&train.labels[i])) count(*one);
    if (auto const* several = std::get_if<std::vector<std::string>>(&train.labels[i]))
      for (auto const& label : *several) count(label);
  }
  return shares;
}

double mean_value(LabelledRows const& train, std::vector<std::size_t> const& rows) {
  double sum = 0;
  for (auto const i : rows) sum += std::get<double>(train.labels[i]);
  return rows.empty() ? 0.0 : sum / static_cast<double>(rows.size());
}

std::string piece(task::Example const& example, task::ByteRange range) {
  return example.texts[0].substr(range.begin, range.end - range.begin);
}

/// For each word, as it is written, the label it most often has; neighbours of one label make one span.
std::vector<task::Prediction> word_tagger(LabelledRows const& train, std::vector<std::size_t> const& labelled_rows,
                                          std::span<task::Example const* const> rows) {
  std::map<std::string, std::map<std::string, int>> counts;  // word -> label ("" = none) -> count
  for (auto const i : labelled_rows) {
    auto const words = tagged_words(*train.examples[i]);
    auto const labels = labels_of_words(words, std::get<std::vector<task::Span>>(train.labels[i]));
    for (std::size_t w = 0; w < words.size(); ++w) ++counts[piece(*train.examples[i], words[w])][labels[w]];
  }
  std::map<std::string, std::string> label_of;
  for (auto const& [word, by_label] : counts) {
    auto const best = std::max_element(by_label.begin(), by_label.end(),
                                       [](auto const& a, auto const& b) { return a.second < b.second; });
    if (!best->first.empty()) label_of[word] = best->first;
  }
  std::vector<task::Prediction> predictions;
  for (auto const* example : rows) {
    auto const words = tagged_words(*example);
    std::vector<std::string> labels;
    for (auto const word : words) {
      auto const label = label_of.find(piece(*example, word));
      labels.push_back(label == label_of.end() ? "" : label->second);
    }
    predictions.emplace_back(spans_of_words(words, labels));
  }
  return predictions;
}

}  // namespace

std::vector<task::Prediction> majority_baseline(task::TaskSpec const& spec, task::LabelSet const& labels,
                                                LabelledRows const& train, std::span<task::Example const* const> rows) {
  auto const known = labelled(train);
  task::Prediction answer;
  switch (spec.type) {
    case task::TaskType::Classification: answer = class_prediction(label_shares(labels, train, known)); break;
    case task::TaskType::Multilabel: answer = multilabel_prediction(label_shares(labels, train, known)); break;
    case task::TaskType::Regression: answer = task::ValuePrediction{mean_value(train, known)}; break;
    case task::TaskType::Tagging: answer = task::SpanPrediction{}; break;
    case task::TaskType::Span: return first_words(train, known, rows);
    case task::TaskType::MultipleChoice: return most_common_place(train, known, rows);
  }
  return std::vector(rows.size(), answer);
}

std::vector<task::Prediction> bag_of_words_baseline(task::TaskSpec const& spec, task::LabelSet const& labels,
                                                    LabelledRows const& train,
                                                    std::span<task::Example const* const> rows, std::uint64_t seed) {
  auto const known = labelled(train);
  if (spec.type == task::TaskType::Tagging) return word_tagger(train, known, rows);
  if (spec.type == task::TaskType::Span) return words_beside_the_question(train, known, rows);
  if (task::reads_choices(spec)) return words_of_choices(train, known, rows, seed);
  std::vector<task::Example const*> examples;
  for (auto const i : known) examples.push_back(train.examples[i]);
  WordFeatures const words(examples);
  std::vector<Features> features;
  for (auto const* example : examples) features.push_back(words.of(*example));

  std::vector<task::Prediction> predictions;
  if (spec.type == task::TaskType::Regression) {
    double const mean = mean_value(train, known);
    double squares = 0;
    for (auto const i : known) squares += std::pow(std::get<double>(train.labels[i]) - mean, 2);
    double const deviation = squares > 0 ? std::sqrt(squares / static_cast<double>(known.size())) : 1.0;
    auto const model = learn(words, features, 1, seed, [&](std::size_t row, std::vector<float>& scores) {
      scores[0] -= static_cast<float>((std::get<double>(train.labels[known[row]]) - mean) / deviation);
    });
    for (auto const* example : rows)
      predictions.emplace_back(task::ValuePrediction{mean + deviation * model.scores(words.of(*example))[0]});
    return predictions;
  }
  bool const one_label = spec.type == task::TaskType::Classification;
  auto const model = learn(words, features, labels.size(), seed, [&](std::size_t row, std::vector<float>& scores) {
    auto const& gold = train.labels[known[row]];
    if (one_label) {
      softmax(scores);
      if (auto const index = labels.index_of(std::get<std::string>(gold))) scores[*index] -= 1.0F;
      return;
    }
    for (auto& score : scores) score = sigmoid(score);
    for (auto const& label : std::get<std::vector<std::string>>(gold))
      if (auto const index = labels.index_of(label)) scores[*index] -= 1.0F;
  });
  for (auto const* example : rows) {
    auto scores = model.scores(words.of(*example));
    if (one_label) {
      softmax(scores);
      predictions.push_back(class_prediction(std::move(scores)));
    } else {
      for (auto& score : scores) score = sigmoid(score);
      predictions.push_back(multilabel_prediction(std::move(scores)));
    }
  }
  return predictions;
}

}  // namespace polytask::eval
