#include "eval/linear_probe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "eval/internal/tagged_words.h"

namespace polytask::eval {
namespace {

constexpr std::array<double, 4> kPenalties{0.003, 0.03, 0.3, 3.0};  // times the number of rows
constexpr std::size_t kHeldOutEvery = 5;

using Matrix = std::vector<double>;  // [rows, columns]

/// Mean and deviation of each column.
struct Scale {
  std::vector<double> mean, deviation;
  explicit Scale(Vectors const& vectors) : mean(vectors.size), deviation(vectors.size) {
    auto const n = static_cast<double>(vectors.n_rows());
    for (std::size_t i = 0; i < vectors.values.size(); ++i)
      mean[i % vectors.size] += static_cast<double>(vectors.values[i]) / n;
    for (std::size_t i = 0; i < vectors.values.size(); ++i)
      deviation[i % vectors.size] += std::pow(static_cast<double>(vectors.values[i]) - mean[i % vectors.size], 2) / n;
    for (auto& one : deviation) one = one > 0 ? std::sqrt(one) : 1.0;
  }
  [[nodiscard]] std::vector<float> of(Vectors const& vectors) const {
    std::vector<float> scaled(vectors.values.size());
    for (std::size_t i = 0; i < scaled.size(); ++i)
      scaled[i] = static_cast<float>((static_cast<double>(vectors.values[i]) - mean[i % mean.size()]) /
                                     deviation[i % mean.size()]);
    return scaled;
  }
};

/// Solves (gram + penalty I) w = moments in place of moments, by Cholesky's decomposition. gram: [size, size].
void solve(Matrix gram, double penalty, Matrix& moments, std::size_t size, std::size_t n_outputs) {
  for (std::size_t i = 0; i < size; ++i) gram[i * size + i] += penalty;
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = gram[i * size + j];
      for (std::size_t k = 0; k < j; ++k) sum -= gram[i * size + k] * gram[j * size + k];
      gram[i * size + j] = i == j ? std::sqrt(std::max(sum, 1e-12)) : sum / gram[j * size + j];
    }
  for (std::size_t o = 0; o < n_outputs; ++o) {
    for (std::size_t i = 0; i < size; ++i) {
      double sum = moments[i * n_outputs + o];
      for (std::size_t k = 0; k < i; ++k) sum -= gram[i * size + k] * moments[k * n_outputs + o];
      moments[i * n_outputs + o] = sum / gram[i * size + i];
    }
    for (std::size_t i = size; i-- > 0;) {
      double sum = moments[i * n_outputs + o];
      for (std::size_t k = i + 1; k < size; ++k) sum -= gram[k * size + i] * moments[k * n_outputs + o];
      moments[i * n_outputs + o] = sum / gram[i * size + i];
    }
  }
}

class Ridge {
 public:
  Ridge(std::vector<float> const& x, Matrix const& y, std::size_t size, std::size_t n_outputs)
      : x_(x), y_(y), size_(size), n_outputs_(n_outputs) {}

  /// Over the rows that `use` keeps; the means of the targets are the answer where the vectors say nothing.
  template <typename Use>
  void gather(Use const& use) {
    gram_.assign(size_ * size_, 0);
    moments_.assign(size_ * n_outputs_, 0);
    mean_.assign(n_outputs_, 0);
    n_ = 0;
    std::vector<float> gram(size_ * size_);
    for (std::size_t row = 0; row < y_.size() / n_outputs_; ++row) {
      if (!use(row)) continue;
      ++n_;
      for (std::size_t o = 0; o < n_outputs_; ++o) mean_[o] += y_[row * n_outputs_ + o];
    }
    for (auto& mean : mean_) mean /= std::max(n_, 1.0);
    std::size_t n_pending = 0;
    auto const flush = [&] {  // sums of a few rows in float, of these in double
      for (std::size_t i = 0; i < gram.size(); ++i) gram_[i] += static_cast<double>(gram[i]);
      std::fill(gram.begin(), gram.end(), 0.0F);
      n_pending = 0;
    };
    for (std::size_t row = 0; row < y_.size() / n_outputs_; ++row) {
      if (!use(row)) continue;
      auto const* x = x_.data() + row * size_;
      for (std::size_t i = 0; i < size_; ++i) {
        for (std::size_t j = 0; j <= i; ++j) gram[i * size_ + j] += x[i] * x[j];
        for (std::size_t o = 0; o < n_outputs_; ++o)
          moments_[i * n_outputs_ + o] += static_cast<double>(x[i]) * (y_[row * n_outputs_ + o] - mean_[o]);
      }
      if (++n_pending == 64) flush();
    }
    flush();
  }

  void fit(double penalty) {
    weights_ = moments_;
    solve(gram_, penalty * std::max(n_, 1.0), weights_, size_, n_outputs_);
  }

  [[nodiscard]] std::vector<double> outputs(float const* x) const {
    auto out = mean_;
    for (std::size_t i = 0; i < size_; ++i)
      for (std::size_t o = 0; o < n_outputs_; ++o) out[o] += static_cast<double>(x[i]) * weights_[i * n_outputs_ + o];
    return out;
  }

 private:
  std::vector<float> const& x_;
  Matrix const& y_;
  std::size_t size_, n_outputs_;
  double n_ = 0;
  Matrix gram_, moments_, weights_;
  std::vector<double> mean_;
};

task::Prediction prediction_of(task::TaskType type, std::vector<double> const& outputs) {
  if (type == task::TaskType::Regression) return task::ValuePrediction{outputs[0]};
  std::vector<float> scores;
  for (double const output : outputs) scores.push_back(static_cast<float>(std::clamp(output, 0.0, 1.0)));
  if (type == task::TaskType::Multilabel) {
    task::MultilabelPrediction several;
    for (std::size_t i = 0; i < scores.size(); ++i)
      if (scores[i] >= 0.5F) several.labels.push_back(i);
    several.scores = std::move(scores);
    return several;
  }
  auto const best = static_cast<std::size_t>(std::max_element(outputs.begin(), outputs.end()) - outputs.begin());
  float sum = 0;
  for (float const score : scores) sum += score;
  for (auto& score : scores) score = sum > 0 ? score / sum : 1.0F / static_cast<float>(scores.size());
  return task::ClassPrediction{best, std::move(scores)};
}

/// Of one row: wrong or not; squared error elsewhere.
double loss_of(task::TaskType type, std::vector<double> const& outputs, double const* target) {
  if (type == task::TaskType::Classification) {
    auto const best = std::max_element(outputs.begin(), outputs.end()) - outputs.begin();
    return target[best] > 0.5 ? 0.0 : 1.0;
  }
  double loss = 0;
  for (std::size_t o = 0; o < outputs.size(); ++o) loss += std::pow(outputs[o] - target[o], 2);
  return loss;
}

Matrix targets_of(std::span<task::Label const> gold, task::LabelSet const& labels, std::size_t n_outputs) {
  Matrix y(gold.size() * n_outputs);
  for (std::size_t i = 0; i < gold.size(); ++i) {
    auto const set = [&](std::string const& name) {
      if (auto const index = labels.index_of(name)) y[i * n_outputs + *index] = 1;
    };
    if (auto const* value = std::get_if<double>(&gold[i])) y[i] = *value;
    if (auto const* one = std::get_if<std::string>(&gold[i])) set(*one);
    if (auto const* several = std::get_if<std::vector<std::string>>(&gold[i]))
      std::for_each(several->begin(), several->end(), set);
  }
  return y;
}

/// What the vectors asked get, and what the vectors held out got of the others, with the same penalty.
struct Outputs {
  std::vector<std::vector<double>> asked, held_out;
  std::vector<std::size_t> held_out_vectors;
};

Outputs outputs_of(task::TaskType type, Matrix const& y, std::size_t n_outputs, Vectors const& train,
                   Vectors const& rows, std::span<std::size_t const> row_of) {
  auto const n_vectors = train.n_rows();
  Scale const scale(train);
  auto const x = scale.of(train);
  Ridge ridge(x, y, train.size, n_outputs);
  auto const is_held_out = [&](std::size_t vector) {
    return (row_of.empty() ? vector : row_of[vector]) % kHeldOutEvery == 0;
  };
  Outputs outputs;
  for (std::size_t i = 0; i < n_vectors; ++i)
    if (is_held_out(i)) outputs.held_out_vectors.push_back(i);
  ridge.gather([&](std::size_t vector) { return !is_held_out(vector); });
  double best_penalty = kPenalties[1], least = std::numeric_limits<double>::infinity();
  for (double const penalty : kPenalties) {
    ridge.fit(penalty);
    std::vector<std::vector<double>> found;
    double loss = 0;
    for (auto const i : outputs.held_out_vectors) {
      found.push_back(ridge.outputs(x.data() + i * train.size));
      loss += loss_of(type, found.back(), y.data() + i * n_outputs);
    }
    if (loss < least) least = loss, best_penalty = penalty, outputs.held_out = std::move(found);
  }
  ridge.gather([](std::size_t) { return true; });
  ridge.fit(best_penalty);
  auto const asked = scale.of(rows);
  for (std::size_t row = 0; row < rows.n_rows(); ++row)
    outputs.asked.push_back(ridge.outputs(asked.data() + row * rows.size));
  return outputs;
}

/// The label of a word whose outputs are of `none` last: none where that is ahead of all others by `margin`.
std::size_t tag_of(std::vector<double> const& outputs, double margin) {
  auto const none = outputs.size() - 1;
  auto const best = static_cast<std::size_t>(std::max_element(outputs.begin(), outputs.end() - 1) - outputs.begin());
  return outputs[best] >= outputs[none] - margin ? best : none;
}

/// Few words carry a tag, so that least squares hardly ever finds one ahead of "none": the margin with the best F1 of
/// tagged words among those held out. y: [words, outputs], "none" last.
double best_margin(Outputs const& outputs, Matrix const& y, std::size_t n_outputs) {
  double best = 0, best_f1 = -1;
  for (int step = 0; step <= 18; ++step) {
    double const margin = 0.05 * step;
    double n_right = 0, n_said = 0, n_gold = 0;
    for (std::size_t i = 0; i < outputs.held_out.size(); ++i) {
      auto const* gold = y.data() + outputs.held_out_vectors[i] * n_outputs;
      auto const tag = tag_of(outputs.held_out[i], margin);
      n_said += tag + 1 < n_outputs;
      n_gold += gold[n_outputs - 1] < 0.5;
      n_right += tag + 1 < n_outputs && gold[tag] > 0.5;
    }
    double const f1 = n_said + n_gold > 0 ? 2 * n_right / (n_said + n_gold) : 0;
    if (f1 > best_f1) best_f1 = f1, best = margin;
  }
  return best;
}

}  // namespace

std::vector<task::Prediction> linear_probe(task::TaskSpec const& spec, task::LabelSet const& labels,
                                           Vectors const& train, std::span<task::Label const> gold, Vectors const& rows,
                                           std::span<std::size_t const> row_of) {
  bool const is_value = spec.type == task::TaskType::Regression;
  expects(spec.type == task::TaskType::Classification || spec.type == task::TaskType::Multilabel || is_value,
          "a probe of one vector a row");
  expects(train.n_rows() == gold.size() && train.n_rows() > 0 && train.size == rows.size, "every row has a vector");
  auto const n_outputs = is_value ? std::size_t{1} : labels.size();
  expects(n_outputs > 0, "there is something to answer");
  auto const y = targets_of(gold, labels, n_outputs);
  std::vector<task::Prediction> predictions;
  for (auto const& outputs : outputs_of(spec.type, y, n_outputs, train, rows, row_of).asked)
    predictions.push_back(prediction_of(spec.type, outputs));
  return predictions;
}

std::vector<task::Prediction> tagging_probe(task::LabelSet const& labels, Vectors const& train,
                                            LabelledRows const& train_rows, Vectors const& rows,
                                            std::span<task::Example const* const> examples) {
  auto const n_outputs = labels.size() + 1;  // "none" last
  Matrix y;
  std::vector<std::size_t> row_of;
  for (std::size_t i = 0; i < train_rows.examples.size(); ++i)
    for (auto const& label : labels_of_words(tagged_words(*train_rows.examples[i]),
                                             std::get<std::vector<task::Span>>(train_rows.labels[i]))) {
      y.resize(y.size() + n_outputs);
      auto const index = label.empty() ? Result<std::size_t>(labels.size()) : labels.index_of(label);
      if (index) y[y.size() - n_outputs + *index] = 1;
      row_of.push_back(i);
    }
  expects(train.n_rows() == row_of.size() && train.n_rows() > 0 && train.size == rows.size, "every word has a vector");
  auto const found = outputs_of(task::TaskType::Classification, y, n_outputs, train, rows, row_of);
  double const margin = best_margin(found, y, n_outputs);
  std::vector<task::Prediction> predictions;
  auto at = found.asked.begin();
  for (auto const* example : examples) {
    auto const words = tagged_words(*example);
    std::vector<std::string> tags;
    for (std::size_t w = 0; w < words.size(); ++w, ++at) {
      auto const label = tag_of(*at, margin);
      tags.push_back(label < labels.size() ? labels[label] : "");
    }
    predictions.emplace_back(spans_of_words(words, tags));
  }
  return predictions;
}

std::vector<task::Prediction> choice_probe(Vectors const& train, LabelledRows const& train_rows, Vectors const& rows,
                                           std::span<task::Example const* const> examples) {
  std::vector<task::Label> gold;
  std::vector<std::size_t> row_of;
  for (std::size_t i = 0; i < train_rows.examples.size(); ++i)
    for (std::size_t c = 0; c + 1 < train_rows.examples[i]->texts.size(); ++c) {
      gold.emplace_back(std::get<task::Choice>(train_rows.labels[i]).index == c ? 1.0 : 0.0);
      row_of.push_back(i);
    }
  auto const found = linear_probe({.type = task::TaskType::Regression}, {}, train, gold, rows, row_of);
  std::vector<task::Prediction> predictions;
  auto at = found.begin();
  for (auto const* example : examples) {
    task::ChoicePrediction choice;
    double best = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::size_t c = 0; c + 1 < example->texts.size(); ++c, ++at) {
      double const value = std::get<task::ValuePrediction>(*at).value;
      if (value > best) best = value, choice.choice = c;
      choice.scores.push_back(static_cast<float>(std::clamp(value, 1e-6, 1.0)));
      sum += static_cast<double>(choice.scores.back());
    }
    for (auto& score : choice.scores) score = static_cast<float>(static_cast<double>(score) / sum);
    predictions.emplace_back(std::move(choice));
  }
  return predictions;
}

}  // namespace polytask::eval
