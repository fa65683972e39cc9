#include "eval/out_of_fold.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "eval/internal/hashed_features.h"
#include "eval/internal/linear_model.h"

namespace polytask::eval {
namespace {

constexpr std::size_t kMostBuckets = std::size_t{1} << 20;
constexpr std::size_t kFewestBuckets = std::size_t{1} << 14;
constexpr std::size_t kMostWeights = std::size_t{1} << 25;
constexpr std::size_t kRowsOfAllPasses = 1'600'000;
constexpr double kFeaturesPerRow = 30;  // of a short text; a guess, for the budget alone

/// What a row says, as a model's outputs have it.
struct Target {
  std::vector<std::size_t> labels;  ///< indices
  double value = 0;                 ///< regression, in standard deviations from the mean
};

std::vector<std::size_t> chosen_rows(LabelledRows const& rows, std::size_t n_outputs, OutOfFoldOptions const& options,
                                     std::size_t& n_labelled) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < rows.labels.size(); ++i)
    if (task::is_labelled(rows.labels[i])) all.push_back(i);
  n_labelled = all.size();
  double const updates =
      static_cast<double>(n_outputs) * kFeaturesPerRow * options.n_passes * static_cast<double>(options.n_folds - 1);
  auto const most = static_cast<std::size_t>(
      std::min(options.most_updates / updates, static_cast<double>(options.most_values / n_outputs)));
  if (all.size() <= most) return all;
  Rng rng = Rng::for_purpose(options.seed, 1);
  rng.shuffle(std::span(all));
  all.resize(most);
  std::sort(all.begin(), all.end());
  return all;
}

class Learner {
 public:
  Learner(task::TaskType type, HashedFeatures const& words, std::vector<Target> const& targets, std::size_t n_outputs)
      : type_(type), words_(words), targets_(targets), n_outputs_(n_outputs) {}

  [[nodiscard]] LinearModel learn(std::vector<std::size_t> rows, int n_passes, Rng& rng) {
    LinearModel model(words_.size(), n_outputs_);
    for (int pass = 0; pass < n_passes; ++pass) {
      rng.shuffle(std::span(rows));
      for (auto const row : rows) {
        words_.of(row, features_);
        auto gradient = scores(model);
        if (type_ == task::TaskType::Regression) gradient[0] -= static_cast<float>(targets_[row].value);
        for (auto const label : targets_[row].labels) gradient[label] -= 1.0F;
        model.learn(features_, gradient);
      }
      if (pass >= n_passes / 2) model.remember();
    }
    model.average();
    return model;
  }

  [[nodiscard]] std::vector<float> scores_of(LinearModel const& model, std::size_t row) {
    words_.of(row, features_);
    return scores(model);
  }

 private:
  [[nodiscard]] std::vector<float> scores(LinearModel const& model) const {
    auto scores = model.scores(features_);
    if (type_ == task::TaskType::Multilabel)
      for (auto& score : scores) score = 1.0F / (1.0F + std::exp(-score));
    if (type_ != task::TaskType::Classification) return scores;
    float const largest = *std::max_element(scores.begin(), scores.end());
    float sum = 0;
    for (auto& score : scores) sum += score = std::exp(score - largest);
    for (auto& score : scores) score /= sum;
    return scores;
  }

  task::TaskType type_;
  HashedFeatures const& words_;
  std::vector<Target> const& targets_;
  std::size_t n_outputs_;
  Features features_;
};

}  // namespace

OutOfFold out_of_fold_scores(task::TaskSpec const& spec, task::LabelSet const& labels, LabelledRows const& rows,
                             OutOfFoldOptions const& options) {
  expects(options.n_folds >= 2 && options.n_passes >= 1, "there are folds and passes");
  OutOfFold found;
  bool const is_value = spec.type == task::TaskType::Regression;
  found.n_outputs = is_value ? 1 : labels.size();
  if (spec.type == task::TaskType::Tagging || found.n_outputs == 0) return found;
  found.rows = chosen_rows(rows, found.n_outputs, options, found.n_labelled);
  if (found.rows.size() < options.n_folds) {
    found.rows.clear();
    return found;
  }

  std::vector<task::Example const*> examples;
  std::vector<Target> targets(found.rows.size());
  double mean = 0, squares = 0;
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    examples.push_back(rows.examples[found.rows[i]]);
    auto const& label = rows.labels[found.rows[i]];
    auto const add = [&](std::string const& name) {
      if (auto const index = labels.index_of(name)) targets[i].labels.push_back(*index);
    };
    if (auto const* one = std::get_if<std::string>(&label)) add(*one);
    if (auto const* several = std::get_if<std::vector<std::string>>(&label))
      std::for_each(several->begin(), several->end(), add);
    if (auto const* value = std::get_if<double>(&label)) {
      targets[i].value = *value;
      double const before = *value - mean;
      mean += before / static_cast<double>(i + 1);
      squares += before * (*value - mean);
    }
  }
  double const deviation = squares > 0 ? std::sqrt(squares / static_cast<double>(targets.size())) : 1.0;
  for (auto& target : targets) target.value = (target.value - mean) / deviation;

  std::size_t n_buckets = kMostBuckets;
  while (n_buckets > kFewestBuckets && (n_buckets * found.n_outputs > kMostWeights || n_buckets > 64 * targets.size()))
    n_buckets /= 2;
  HashedFeatures const words(examples, n_buckets);
  auto const fold_of = [&](std::size_t row) { return (words.key(row) ^ options.seed) % options.n_folds; };
  Learner learner(spec.type, words, targets, found.n_outputs);
  found.scores.resize(targets.size() * found.n_outputs);
  int const n_passes = std::clamp(static_cast<int>(kRowsOfAllPasses / targets.size()), 1, options.n_passes);
  Rng rng = Rng::for_purpose(options.seed, 2);
  for (std::size_t fold = 0; fold < options.n_folds; ++fold) {
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < targets.size(); ++i)
      if (fold_of(i) != fold) others.push_back(i);
    auto const model = learner.learn(std::move(others), n_passes, rng);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (fold_of(i) != fold) continue;
      auto const scores = learner.scores_of(model, i);
      for (std::size_t o = 0; o < found.n_outputs; ++o)
        found.scores[i * found.n_outputs + o] = is_value ? static_cast<float>(mean + deviation * scores[o]) : scores[o];
    }
  }
  return found;
}

}  // namespace polytask::eval
