// What a model says about one text for one task.
#pragma once

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "task/example.h"

namespace polytask::task {

struct ClassPrediction {
  std::size_t label = 0;      ///< index of the most probable label
  std::vector<float> scores;  ///< probability of each label, sums to 1
};

struct MultilabelPrediction {
  std::vector<std::size_t> labels;  ///< indices with a probability of at least the task's threshold, ascending
  std::vector<float> scores;        ///< probability of each label
};

struct ValuePrediction {
  double value = 0;  ///< in the units of the training labels
};

struct ScoredSpan {
  Span span;
  float score = 0;  ///< mean over its tokens of the probability that a token is of its label, B- and I- together
};

struct SpanPrediction {
  std::vector<ScoredSpan> spans;  ///< sorted, not overlapping
};

struct AnswerPrediction {
  std::optional<TextPiece> answer;  ///< of texts[1]; nothing = the context does not answer the question
  float score = 0;                  ///< probability of the answer, in the window that gives it (model/decode_answer.h)
  std::optional<TextPiece> best;    ///< the piece that scored highest, said or not; nothing where none can be said
  double null_difference = 0;       ///< by how much "no answer" outscores it
};

struct ChoicePrediction {
  std::size_t choice = 0;     ///< index of the most probable choice
  std::vector<float> scores;  ///< probability of each of the row's choices, sums to 1
};

using Prediction = std::variant<ClassPrediction, MultilabelPrediction, ValuePrediction, SpanPrediction,
                                AnswerPrediction, ChoicePrediction>;

}  // namespace polytask::task
