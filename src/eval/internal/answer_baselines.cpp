#include "eval/internal/answer_baselines.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "eval/internal/word_features.h"

namespace polytask::eval {
namespace {

/// Words of the median answer of the training rows; 0 where most have none.
std::size_t median_words(LabelledRows const& train, std::vector<std::size_t> const& known) {
  std::vector<std::size_t> counts;
  for (auto const i : known) {
    auto const& answers = std::get<task::Answers>(train.labels[i]);
    counts.push_back(answers.pieces.empty() ? 0 : std::max<std::size_t>(1, words_of(answers.pieces[0].text).size()));
  }
  if (counts.empty()) return 0;
  auto const n_empty = static_cast<std::size_t>(std::count(counts.begin(), counts.end(), 0U));
  if (2 * n_empty > counts.size()) return 0;
  std::sort(counts.begin(), counts.end());
  return counts[n_empty + (counts.size() - n_empty) / 2];
}

task::Prediction piece_of(std::string const& context, std::vector<task::ByteRange> const& words, std::size_t first,
                          std::size_t n) {
  task::AnswerPrediction prediction;
  if (n == 0 || first >= words.size()) return prediction;
  auto const begin = words[first].begin;
  auto const end = words[std::min(first + n, words.size()) - 1].end;
  prediction.answer = task::TextPiece{begin, end, context.substr(begin, end - begin)};
  prediction.best = prediction.answer;
  prediction.score = 1;
  return prediction;
}

/// ln(contexts / contexts with the word).
class WordWeights {
 public:
  WordWeights(LabelledRows const& train, std::vector<std::size_t> const& known) {
    std::set<std::string> contexts;  // each once: many questions are asked about one
    for (auto const i : known)
      if (auto const& context = train.examples[i]->texts.at(1); contexts.insert(context).second) {
        auto const words = words_of(context);
        for (auto const& word : std::set<std::string>(words.begin(), words.end())) ++counts_[word];
      }
    n_ = static_cast<double>(contexts.size());
  }
  [[nodiscard]] double of(std::string const& word) const {
    auto const found = counts_.find(word);
    return std::log((1 + n_) / (found == counts_.end() ? 1.0 : 1.0 + static_cast<double>(found->second)));
  }

 private:
  std::map<std::string, std::size_t> counts_;
  double n_ = 0;
};

/// The first of the `n` words of the context that stand best.
std::size_t best_place(std::vector<double> const& weights, std::size_t n) {
  constexpr std::size_t kNear = 10;
  std::size_t best = 0;
  double highest = -HUGE_VAL;
  for (std::size_t first = 0; first + n <= weights.size(); ++first) {
    double score = 0;
    for (std::size_t i = first; i < first + n; ++i) score -= weights[i];
    for (std::size_t distance = 1; distance <= kNear; ++distance) {
      auto const far = static_cast<double>(distance);
      if (distance <= first) score += weights[first - distance] / far;
      if (first + n - 1 + distance < weights.size()) score += weights[first + n - 1 + distance] / far;
    }
    if (score > highest) highest = score, best = first;
  }
  return best;
}

}  // namespace

std::vector<task::Prediction> first_words(LabelledRows const& train, std::vector<std::size_t> const& known,
                                          std::span<task::Example const* const> rows) {
  auto const n = median_words(train, known);
  std::vector<task::Prediction> predictions;
  for (auto const* row : rows) {
    auto const& context = row->texts.at(1);
    predictions.push_back(piece_of(context, n == 0 ? std::vector<task::ByteRange>() : word_ranges(context), 0, n));
  }
  return predictions;
}

std::vector<task::Prediction> words_beside_the_question(LabelledRows const& train,
                                                        std::vector<std::size_t> const& known,
                                                        std::span<task::Example const* const> rows) {
  auto const n = median_words(train, known);
  WordWeights const weights(train, known);
  std::vector<task::Prediction> predictions;
  for (auto const* row : rows) {
    auto const& context = row->texts.at(1);
    auto const question = words_of(row->texts[0]);
    std::set<std::string> const asked(question.begin(), question.end());
    std::vector<double> by_word;
    for (auto const& word : words_of(context)) by_word.push_back(asked.contains(word) ? weights.of(word) : 0);
    predictions.push_back(piece_of(context, word_ranges(context), best_place(by_word, n), n));
  }
  return predictions;
}

}  // namespace polytask::eval
