// What a task reaches without an encoder: the line that a model has to beat before it is worth serving.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "task/example.h"
#include "task/label_set.h"
#include "task/prediction.h"
#include "task/task_spec.h"

namespace polytask::eval {

/// Rows with the label of one task; a row without one is not learned from.
struct LabelledRows {
  std::vector<task::Example const*> examples;
  std::vector<task::Label> labels;  ///< by row
};

/// The same answer for every row: the most frequent label, the labels that most rows have, the mean, no spans; of a
/// question none where most have none, else the first words of the context, as many as the median answer has; of
/// choices the one whose place is most often right.
[[nodiscard]] std::vector<task::Prediction> majority_baseline(task::TaskSpec const& spec, task::LabelSet const& labels,
                                                              LabelledRows const& train,
                                                              std::span<task::Example const* const> rows);

/// Linear models over words. Classification and multilabel: logistic regression over tf-idf of words and word pairs
/// (sublinear counts, unit length); regression: least squares over the same; a pair of texts: the words that only one
/// side has, the words that both have, and how many they share. Tagging: the label that a word most often has. Span:
/// none where most have none, else so many words that stand among the rarest words of the question. Multiple choice:
/// logistic regression over the words of the text and each choice, as of a pair, under the softmax over the choices.
/// Learned by AdaGrad (Duchi et al. 2011, JMLR 12, figure 1) in a fixed number of passes with averaged weights:
/// deterministic in (rows, seed).
[[nodiscard]] std::vector<task::Prediction> bag_of_words_baseline(task::TaskSpec const& spec,
                                                                  task::LabelSet const& labels,
                                                                  LabelledRows const& train,
                                                                  std::span<task::Example const* const> rows,
                                                                  std::uint64_t seed);

}  // namespace polytask::eval
