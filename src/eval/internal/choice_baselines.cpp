#include "eval/internal/choice_baselines.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/random.h"
#include "eval/internal/linear_model.h"
#include "eval/internal/word_features.h"

namespace polytask::eval {
namespace {

constexpr int kPasses = 12;

std::vector<task::Example> pairs_of(task::Example const& row) {
  std::vector<task::Example> pairs;
  for (std::size_t i = 1; i < row.texts.size(); ++i) pairs.push_back({.texts = {row.texts[0], row.texts[i]}});
  return pairs;
}

std::vector<Features> features_of(WordFeatures const& words, task::Example const& row) {
  std::vector<Features> features;
  for (auto const& pair : pairs_of(row)) features.push_back(words.of(pair));
  return features;
}

std::vector<float> probabilities(LinearModel const& model, std::vector<Features> const& choices) {
  std::vector<float> scores;
  for (auto const& choice : choices) scores.push_back(model.scores(choice)[0]);
  float const largest = *std::max_element(scores.begin(), scores.end());
  for (auto& score : scores) score = std::exp(score - largest);
  float const sum = std::accumulate(scores.begin(), scores.end(), 0.0F);
  for (auto& score : scores) score /= sum;
  return scores;
}

task::Prediction most_probable(std::vector<float> scores) {
  auto const best = static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  return task::ChoicePrediction{best, std::move(scores)};
}

std::size_t gold_of(LabelledRows const& train, std::size_t row) {
  return std::get<task::Choice>(train.labels[row]).index;
}

}  // namespace

std::vector<task::Prediction> most_common_place(LabelledRows const& train, std::vector<std::size_t> const& known,
                                                std::span<task::Example const* const> rows) {
  std::vector<float> counts(task::kMostChoices, 1e-3F);
  for (auto const row : known) counts[gold_of(train, row)] += 1;
  std::vector<task::Prediction> predictions;
  for (auto const* row : rows) {
    std::vector<float> scores(counts.begin(), counts.begin() + std::ssize(row->texts) - 1);
    float const sum = std::accumulate(scores.begin(), scores.end(), 0.0F);
    for (auto& score : scores) score /= sum;
    predictions.push_back(most_probable(std::move(scores)));
  }
  return predictions;
}

std::vector<task::Prediction> words_of_choices(LabelledRows const& train, std::vector<std::size_t> const& known,
                                               std::span<task::Example const* const> rows, std::uint64_t seed) {
  std::vector<task::Example> pairs;
  for (auto const row : known)
    for (auto& pair : pairs_of(*train.examples[row])) pairs.push_back(std::move(pair));
  std::vector<task::Example const*> examples;
  for (auto const& pair : pairs) examples.push_back(&pair);
  WordFeatures const words(examples);
  std::vector<std::vector<Features>> features;
  for (auto const row : known) features.push_back(features_of(words, *train.examples[row]));

  LinearModel model(words.size(), 1);
  std::vector<std::size_t> order(known.size());
  std::iota(order.begin(), order.end(), 0);
  Rng rng(seed);
  for (int pass = 0; pass < kPasses; ++pass) {
    rng.shuffle(std::span(order));
    for (auto const i : order) {
      auto gradient = probabilities(model, features[i]);
      gradient[gold_of(train, known[i])] -= 1.0F;
      for (std::size_t choice = 0; choice < gradient.size(); ++choice)
        model.learn(features[i][choice], {gradient[choice]});
    }
    if (pass >= kPasses / 2) model.remember();
  }
  model.average();
  std::vector<task::Prediction> predictions;
  for (auto const* row : rows) predictions.push_back(most_probable(probabilities(model, features_of(words, *row))));
  return predictions;
}

}  // namespace polytask::eval
