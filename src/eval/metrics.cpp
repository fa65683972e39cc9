#include "eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "base/error.h"
#include "eval/answer_text.h"
#include "eval/internal/calibration_error.h"

namespace polytask::eval {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
using Counts = std::span<std::uint32_t const>;

double f1(double true_positives, double false_positives, double false_negatives) {
  double const below = 2 * true_positives + false_positives + false_negatives;
  return below > 0 ? 2 * true_positives / below : 0.0;
}

/// One row of classification as indices.
struct ClassRow {
  std::size_t gold = 0;
  std::size_t predicted = 0;
};

std::vector<ClassRow> class_rows(task::LabelSet const& labels, GoldAndPredicted const& rows) {
  std::vector<ClassRow> result;
  for (std::size_t i = 0; i < rows.gold.size(); ++i)
    result.push_back({gold_index(labels, *rows.gold[i]), std::get<task::ClassPrediction>(*rows.predicted[i]).label});
  return result;
}

enum class ClassKind { Accuracy, MacroF1, Mcc };

/// accuracy, macro_f1 (over the labels that occur in gold or predictions, as f1_score does) and mcc.
class ClassMetric final : public Metric {
 public:
  ClassMetric(ClassKind kind, std::size_t n_labels, std::vector<ClassRow> rows)
      : kind_(kind), n_(n_labels + 1), rows_(std::move(rows)) {}

  double value(Counts counts) const override {
    std::vector<double> hits(n_, 0), gold(n_, 0), predicted(n_, 0);
    double total = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      double const count = counts[i];
      gold[rows_[i].gold] += count;
      predicted[rows_[i].predicted] += count;
      if (rows_[i].gold == rows_[i].predicted) hits[rows_[i].gold] += count;
      total += count;
    }
    if (total == 0) return kUndefined;
    double const n_hits = std::accumulate(hits.begin(), hits.end(), 0.0);
    switch (kind_) {
      case ClassKind::Accuracy: return n_hits / total;
      case ClassKind::MacroF1: return macro_f1(hits, gold, predicted);
      case ClassKind::Mcc: return mcc(n_hits, total, gold, predicted);
    }
    return kUndefined;
  }

 private:
  static double macro_f1(std::vector<double> const& hits, std::vector<double> const& gold,
                         std::vector<double> const& predicted) {
    double sum = 0;
    double n_present = 0;
    for (std::size_t k = 0; k < hits.size(); ++k) {
      if (gold[k] + predicted[k] == 0) continue;
      sum += f1(hits[k], predicted[k] - hits[k], gold[k] - hits[k]);
      n_present += 1;
    }
    return sum / n_present;
  }

  /// The multi-class coefficient R_K (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006), as matthews_corrcoef.
  static double mcc(double n_hits, double total, std::vector<double> const& gold,
                    std::vector<double> const& predicted) {
    double product = 0, gold_squares = 0, predicted_squares = 0;
    for (std::size_t k = 0; k < gold.size(); ++k) {
      product += gold[k] * predicted[k];
      gold_squares += gold[k] * gold[k];
      predicted_squares += predicted[k] * predicted[k];
    }
    double const below = (total * total - predicted_squares) * (total * total - gold_squares);
    return below == 0 ? 0.0 : (n_hits * total - product) / std::sqrt(below);
  }

  ClassKind kind_;
  std::size_t n_;
  std::vector<ClassRow> rows_;
};

double confidence_in(std::vector<float> const& scores, std::size_t answer) {
  return scores.empty() ? 1.0 : static_cast<double>(scores[answer]);
}

std::unique_ptr<Metric const> make_class_calibration(task::LabelSet const& labels, GoldAndPredicted const& rows) {
  std::vector<CalibrationError::Row> of_rows;
  auto const indices = class_rows(labels, rows);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    auto const& prediction = std::get<task::ClassPrediction>(*rows.predicted[i]);
    of_rows.push_back({confidence_in(prediction.scores, prediction.label), indices[i].gold == indices[i].predicted});
  }
  return std::make_unique<CalibrationError>(std::move(of_rows));
}

/// One row of a multilabel task: for each label whether it is true and whether it was predicted.
struct LabelRow {
  std::vector<std::size_t> gold;  ///< sorted; indices of known labels, and n for each unknown one
  std::vector<std::size_t> predicted;
};

std::vector<LabelRow> label_rows(task::LabelSet const& labels, GoldAndPredicted const& rows) {
  std::vector<LabelRow> result;
  for (std::size_t i = 0; i < rows.gold.size(); ++i) {
    LabelRow row;
    for (auto const& name : std::get<std::vector<std::string>>(*rows.gold[i])) {
      auto const index = labels.index_of(name);
      row.gold.push_back(index ? *index : labels.size());
    }
    std::sort(row.gold.begin(), row.gold.end());
    row.predicted = std::get<task::MultilabelPrediction>(*rows.predicted[i]).labels;
    result.push_back(std::move(row));
  }
  return result;
}

enum class SetKind { MicroF1, MacroF1, SubsetAccuracy };

class SetMetric final : public Metric {
 public:
  SetMetric(SetKind kind, std::size_t n_labels, std::vector<LabelRow> rows)
      : kind_(kind), n_(n_labels + 1), rows_(std::move(rows)) {}

  double value(Counts counts) const override {
    std::vector<double> hits(n_, 0), gold(n_, 0), predicted(n_, 0);
    double total = 0, exact = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      double const count = counts[i];
      if (count == 0) continue;
      total += count;
      if (rows_[i].gold == rows_[i].predicted) exact += count;
      for (auto const k : rows_[i].gold) gold[k] += count;
      for (auto const k : rows_[i].predicted) {
        predicted[k] += count;
        if (std::binary_search(rows_[i].gold.begin(), rows_[i].gold.end(), k)) hits[k] += count;
      }
    }
    if (total == 0) return kUndefined;
    if (kind_ == SetKind::SubsetAccuracy) return exact / total;
    if (kind_ == SetKind::MicroF1) {
      double const h = std::accumulate(hits.begin(), hits.end(), 0.0);
      double const g = std::accumulate(gold.begin(), gold.end(), 0.0);
      double const p = std::accumulate(predicted.begin(), predicted.end(), 0.0);
      return f1(h, p - h, g - h);
    }
    double sum = 0;
    for (std::size_t k = 0; k + 1 < n_; ++k) sum += f1(hits[k], predicted[k] - hits[k], gold[k] - hits[k]);
    return n_ > 1 ? sum / static_cast<double>(n_ - 1) : kUndefined;
  }

 private:
  SetKind kind_;
  std::size_t n_;
  std::vector<LabelRow> rows_;
};

/// Mean over labels, one against the rest, of the area under the steps of precision over recall
/// (average_precision_score without interpolation). Labels without a positive row are left out, where the library would
/// warn and count 0.
class AveragePrecision final : public Metric {
 public:
  AveragePrecision(std::size_t n_labels, std::vector<std::vector<float>> const& scores,
                   std::vector<std::vector<std::size_t>> const& gold) {
    for (std::size_t k = 0; k < n_labels; ++k) {
      auto& label = labels_.emplace_back();
      for (std::size_t i = 0; i < scores.size(); ++i)
        label.push_back(
            {i, scores[i].size() > k ? scores[i][k] : 0.0F, std::binary_search(gold[i].begin(), gold[i].end(), k)});
      std::stable_sort(label.begin(), label.end(), [](Row const& a, Row const& b) { return a.score > b.score; });
    }
  }

  double value(Counts counts) const override {
    double sum = 0;
    double n_used = 0;
    for (auto const& label : labels_) {
      double const one = of_label(label, counts);
      if (std::isnan(one)) continue;
      sum += one;
      n_used += 1;
    }
    return n_used > 0 ? sum / n_used : kUndefined;
  }

 private:
  struct Row {
    std::size_t row;
    float score;
    bool positive;
  };

  static double of_label(std::vector<Row> const& rows, Counts counts) {
    double positives = 0;
    for (auto const& row : rows) positives += row.positive ? counts[row.row] : 0;
    if (positives == 0) return kUndefined;
    double area = 0, hits = 0, seen = 0;
    for (std::size_t i = 0; i < rows.size();) {
      double const hits_before = hits;
      std::size_t const tie = i;  // rows of one score count together
      for (; i < rows.size() && (i == tie || rows[i].score == rows[tie].score); ++i) {  // NaN equals nothing
        seen += counts[rows[i].row];
        hits += rows[i].positive ? counts[rows[i].row] : 0;
      }
      if (seen > 0) area += (hits - hits_before) / positives * (hits / seen);
    }
    return area;
  }

  std::vector<std::vector<Row>> labels_;
};

/// Pearson's coefficient; of ranks, ties averaged, it is Spearman's.
class Correlation final : public Metric {
 public:
  Correlation(std::vector<double> gold, std::vector<double> predicted, bool ranks)
      : gold_(std::move(gold)), predicted_(std::move(predicted)), ranks_(ranks) {
    if (ranks_) {
      gold_order_ = order(gold_);
      predicted_order_ = order(predicted_);
    }
  }

  double value(Counts counts) const override {
    if (!ranks_) return pearson(gold_, predicted_, counts);
    return pearson(ranks(gold_, gold_order_, counts), ranks(predicted_, predicted_order_, counts), counts);
  }

 private:
  static std::vector<std::size_t> order(std::vector<double> const& values) {
    std::vector<std::size_t> indices(values.size());
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    std::stable_sort(indices.begin(), indices.end(), [&](auto a, auto b) { return values[a] < values[b]; });
    return indices;
  }

  static std::vector<double> ranks(std::vector<double> const& values, std::vector<std::size_t> const& sorted,
                                   Counts counts) {
    std::vector<double> result(values.size());
    double before = 0;
    for (std::size_t i = 0; i < sorted.size();) {
      std::size_t end = i;
      double tied = 0;
      for (; end < sorted.size() && (end == i || values[sorted[end]] == values[sorted[i]]); ++end)
        tied += counts[sorted[end]];
      for (; i < end; ++i) result[sorted[i]] = before + (tied + 1) / 2;
      before += tied;
    }
    return result;
  }

  /// The mean of equal values can differ from them by rounding, so that deviations do not tell.
  static bool is_constant(std::vector<double> const& values, Counts counts) {
    double const* first = nullptr;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (counts[i] == 0) continue;
      if (first == nullptr) first = &values[i];
      if (values[i] != *first) return false;
    }
    return true;
  }

  static double pearson(std::vector<double> const& x, std::vector<double> const& y, Counts counts) {
    if (is_constant(x, counts) || is_constant(y, counts)) return kUndefined;
    double n = 0, mean_x = 0, mean_y = 0;
    for (std::size_t i = 0; i < x.size(); ++i) n += counts[i], mean_x += counts[i] * x[i], mean_y += counts[i] * y[i];
    if (n < 2) return kUndefined;
    mean_x /= n;
    mean_y /= n;
    double largest_x = 0, largest_y = 0;  // deviations are measured in these: squares of large ones have no double
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (counts[i] == 0) continue;
      largest_x = std::max(largest_x, std::abs(x[i] - mean_x));
      largest_y = std::max(largest_y, std::abs(y[i] - mean_y));
    }
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      double const a = (x[i] - mean_x) / largest_x;
      double const b = (y[i] - mean_y) / largest_y;
      xy += counts[i] * a * b;
      xx += counts[i] * a * a;
      yy += counts[i] * b * b;
    }
    return std::clamp(xy / (std::sqrt(xx) * std::sqrt(yy)), -1.0, 1.0);
  }

  std::vector<double> gold_, predicted_;
  bool ranks_;
  std::vector<std::size_t> gold_order_, predicted_order_;
};

/// Micro F1 of exact (begin, end, label) matches, which is what seqeval's f1_score computes on tags.
class SpanF1 final : public Metric {
 public:
  explicit SpanF1(GoldAndPredicted const& rows) {
    for (std::size_t i = 0; i < rows.gold.size(); ++i) {
      auto const& gold = std::get<std::vector<task::Span>>(*rows.gold[i]);
      auto const& predicted = std::get<task::SpanPrediction>(*rows.predicted[i]).spans;
      Row row{0, static_cast<double>(gold.size()), static_cast<double>(predicted.size())};
      for (auto const& span : predicted)
        if (std::find(gold.begin(), gold.end(), span.span) != gold.end()) row.hits += 1;
      rows_.push_back(row);
    }
  }

  double value(Counts counts) const override {
    double hits = 0, gold = 0, predicted = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      hits += counts[i] * rows_[i].hits;
      gold += counts[i] * rows_[i].gold;
      predicted += counts[i] * rows_[i].predicted;
    }
    return f1(hits, predicted - hits, gold - hits);
  }

 private:
  struct Row {
    double hits, gold, predicted;
  };
  std::vector<Row> rows_;
};

/// The mean of what each row scores.
class MeanOfRows final : public Metric {
 public:
  explicit MeanOfRows(std::vector<double> scores) : scores_(std::move(scores)) {}

  double value(Counts counts) const override {
    double sum = 0, n = 0;
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      sum += counts[i] * scores_[i];
      n += counts[i];
    }
    return n > 0 ? sum / n : kUndefined;
  }

 private:
  std::vector<double> scores_;
};

/// How well the answer to each question fits the best of the gold ones.
std::unique_ptr<Metric const> make_answer_metric(std::string const& name, GoldAndPredicted const& rows) {
  std::vector<double> scores;
  for (std::size_t i = 0; i < rows.gold.size(); ++i) {
    auto const& answer = std::get<task::AnswerPrediction>(*rows.predicted[i]).answer;
    scores.push_back(answer_score(name, std::get<task::Answers>(*rows.gold[i]), answer ? answer->text : ""));
  }
  return std::make_unique<MeanOfRows>(std::move(scores));
}

/// Of multiple choice: accuracy, or ece.
std::unique_ptr<Metric const> make_choice_metric(std::string const& name, GoldAndPredicted const& rows) {
  std::vector<double> scores;
  std::vector<CalibrationError::Row> calibration;
  for (std::size_t i = 0; i < rows.gold.size(); ++i) {
    auto const& prediction = std::get<task::ChoicePrediction>(*rows.predicted[i]);
    bool const is_right = std::get<task::Choice>(*rows.gold[i]).index == prediction.choice;
    scores.push_back(is_right ? 1 : 0);
    calibration.push_back({confidence_in(prediction.scores, prediction.choice), is_right});
  }
  if (name == "ece") return std::make_unique<CalibrationError>(std::move(calibration));
  return std::make_unique<MeanOfRows>(std::move(scores));
}

std::unique_ptr<Metric const> make_average_precision(task::TaskType type, task::LabelSet const& labels,
                                                     GoldAndPredicted const& rows) {
  std::vector<std::vector<float>> scores;
  std::vector<std::vector<std::size_t>> gold;
  if (type == task::TaskType::Classification) {
    for (auto const& row : class_rows(labels, rows)) gold.push_back({row.gold});
    for (auto const* predicted : rows.predicted) scores.push_back(std::get<task::ClassPrediction>(*predicted).scores);
  } else {
    for (auto& row : label_rows(labels, rows)) gold.push_back(std::move(row.gold));
    for (auto const* predicted : rows.predicted)
      scores.push_back(std::get<task::MultilabelPrediction>(*predicted).scores);
  }
  return std::make_unique<AveragePrecision>(labels.size(), scores, gold);
}

std::unique_ptr<Metric const> make_correlation(GoldAndPredicted const& rows, bool ranks) {
  std::vector<double> gold, predicted;
  for (auto const* label : rows.gold) gold.push_back(std::get<double>(*label));
  for (auto const* prediction : rows.predicted) predicted.push_back(std::get<task::ValuePrediction>(*prediction).value);
  return std::make_unique<Correlation>(std::move(gold), std::move(predicted), ranks);
}

}  // namespace

Metric::~Metric() = default;

std::size_t gold_index(task::LabelSet const& labels, task::Label const& gold) {
  auto const index = labels.index_of(std::get<std::string>(gold));
  return index ? *index : labels.size();
}

std::unique_ptr<Metric const> make_metric(std::string const& name, task::TaskType type, task::LabelSet const& labels,
                                          GoldAndPredicted const& rows) {
  if (name == "average_precision") return make_average_precision(type, labels, rows);
  switch (type) {
    case task::TaskType::Classification:
      if (name == "ece") return make_class_calibration(labels, rows);
      // With one label a row the micro average over all labels is the accuracy.
      if (name == "accuracy" || name == "micro_f1")
        return std::make_unique<ClassMetric>(ClassKind::Accuracy, labels.size(), class_rows(labels, rows));
      if (name == "macro_f1")
        return std::make_unique<ClassMetric>(ClassKind::MacroF1, labels.size(), class_rows(labels, rows));
      if (name == "mcc") return std::make_unique<ClassMetric>(ClassKind::Mcc, labels.size(), class_rows(labels, rows));
      break;
    case task::TaskType::Multilabel:
      if (name == "micro_f1")
        return std::make_unique<SetMetric>(SetKind::MicroF1, labels.size(), label_rows(labels, rows));
      if (name == "macro_f1")
        return std::make_unique<SetMetric>(SetKind::MacroF1, labels.size(), label_rows(labels, rows));
      if (name == "accuracy")
        return std::make_unique<SetMetric>(SetKind::SubsetAccuracy, labels.size(), label_rows(labels, rows));
      break;
    case task::TaskType::Regression:
      if (name == "pearson" || name == "spearman") return make_correlation(rows, name == "spearman");
      break;
    case task::TaskType::Tagging:
      if (name == "span_f1") return std::make_unique<SpanF1>(rows);
      break;
    case task::TaskType::Span: return make_answer_metric(name, rows);
    case task::TaskType::MultipleChoice:
      if (name == "accuracy" || name == "ece") return make_choice_metric(name, rows);
      break;
  }
  throw Error(ErrorCode::InvalidUsage,
              "metric " + quote(name) + " is not defined for the task type " + std::string(task::to_string(type)));
}

}  // namespace polytask::eval
