#include "model/decode_answer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace polytask::model {
namespace {

/// Logits of starts and ends, of the tokens of one window.
class WindowLogits {
 public:
  explicit WindowLogits(std::span<float const> values) : values_(values) {}
  [[nodiscard]] double start(std::size_t token) const { return static_cast<double>(values_[2 * token]); }
  [[nodiscard]] double end(std::size_t token) const { return static_cast<double>(values_[2 * token + 1]); }
  [[nodiscard]] double score(std::size_t first, std::size_t last) const { return start(first) + end(last); }

  /// p(start) p(end).
  [[nodiscard]] float probability(std::size_t first, std::size_t last) const {
    return static_cast<float>(std::exp(start(first) - log_sum(0) + end(last) - log_sum(1)));
  }

 private:
  [[nodiscard]] double log_sum(std::size_t output) const {
    double largest = -HUGE_VAL;
    for (std::size_t i = output; i < values_.size(); i += 2)
      largest = std::max(largest, static_cast<double>(values_[i]));
    double sum = 0;
    for (std::size_t i = output; i < values_.size(); i += 2) sum += std::exp(static_cast<double>(values_[i]) - largest);
    return largest + std::log(sum);
  }

  std::span<float const> values_;
};

/// Tokens of a window, and what they score there.
struct Candidate {
  std::size_t first = 0;
  std::size_t last = 0;
  double score = -HUGE_VAL;
};

/// Of the context's tokens alone, which stand behind `n_before` others; a piece neither begins nor ends with one that
/// says nothing.
Candidate best_piece(WindowLogits const& logits, std::size_t n_before, std::span<task::ByteRange const> tokens,
                     std::size_t longest) {
  auto const is_empty = [&](std::size_t token) { return tokens[token].begin == tokens[token].end; };
  Candidate best;
  for (std::size_t first = 0; first < tokens.size(); ++first) {
    if (is_empty(first)) continue;
    for (std::size_t last = first; last < std::min(tokens.size(), first + longest); ++last) {
      if (is_empty(last)) continue;
      double const score = logits.score(n_before + first, n_before + last);
      if (score > best.score) best = {n_before + first, n_before + last, score};
    }
  }
  return best;
}

}  // namespace

task::AnswerPrediction decode_answer(HeadSpec const& head, task::Passage const& passage, std::string_view context,
                                     std::span<float const> logits) {
  expects(logits.size() == 2 * passage.n_tokens(), "a span head gives two outputs a token of every window");
  task::AnswerPrediction prediction;
  double best = -HUGE_VAL, none = HUGE_VAL;
  float best_probability = 0, none_probability = 0;
  for (auto const& window : passage.windows) {
    WindowLogits const own(logits.first(2 * passage.n_tokens(window)));
    logits = logits.subspan(2 * passage.n_tokens(window));
    if (double const score = own.score(0, 0); score < none) {
      none = score;
      none_probability = own.probability(0, 0);
    }
    auto const found =
        best_piece(own, passage.n_before, std::span(passage.tokens).subspan(window.begin, window.end - window.begin),
                   static_cast<std::size_t>(head.task.longest_answer));
    if (!(found.score > best)) continue;
    best = found.score;
    best_probability = own.probability(found.first, found.last);
    auto const token = [&](std::size_t at) { return passage.tokens[window.begin + at - passage.n_before]; };
    auto const begin = token(found.first).begin;
    auto const end = std::max(begin, token(found.last).end);
    prediction.best = task::TextPiece{begin, end, std::string(context.substr(begin, end - begin))};
  }
  if (prediction.best) prediction.null_difference = none - best;
  if (is_answered(head, prediction)) prediction.answer = prediction.best;
  prediction.score = prediction.answer ? best_probability : none_probability;
  return prediction;
}

bool is_answered(HeadSpec const& head, task::AnswerPrediction const& prediction) {
  return prediction.best && !(head.null_threshold && prediction.null_difference > *head.null_threshold);
}

}  // namespace polytask::model
