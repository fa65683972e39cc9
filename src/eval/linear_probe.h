// What a linear model makes of given vectors: whether a frozen representation carries a task at all.
// Method: ridge regression to the labels (Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634) over standardised
// vectors, for classification on one-hot targets with the largest output as the answer; the penalty is the one of a few
// that does best on a fifth of the training rows. A probe in the sense of Alain and Bengio 2016 (arXiv:1610.01644),
// with squared loss in the place of cross-entropy: it is solved exactly.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "eval/baselines.h"
#include "task/example.h"
#include "task/label_set.h"
#include "task/prediction.h"
#include "task/task_spec.h"

namespace polytask::eval {

/// Rows of vectors [rows, size], one after another.
struct Vectors {
  std::size_t size = 0;
  std::vector<float> values;
  [[nodiscard]] std::size_t n_rows() const { return size == 0 ? 0 : values.size() / size; }
};

/// Learns from `train` and its labels (all of them labelled), answers `rows`. `row_of`: of each training vector the row
/// that it is of, where rows have several (a fifth of the rows is held out whole); empty = each its own.
/// Classification, multilabel and regression; class scores are the outputs, cut to 0..1 and made to sum to 1, not
/// calibrated. Deterministic.
[[nodiscard]] std::vector<task::Prediction> linear_probe(task::TaskSpec const& spec, task::LabelSet const& labels,
                                                         Vectors const& train, std::span<task::Label const> gold,
                                                         Vectors const& rows, std::span<std::size_t const> row_of = {});

/// The places that a tagging probe has a vector for, one word after another: the row's own words, else those of its
/// text.
[[nodiscard]] std::vector<task::ByteRange> tagged_words(task::Example const& example);
/// Tagging: least squares to the label of each word, or none, the largest being the answer with as much taken from none
/// as gives the best F1 on the rows held out; neighbours of one label make one span. `train` and `rows`
/// hold a vector for each word of each row, in their order. All training rows are labelled.
[[nodiscard]] std::vector<task::Prediction> tagging_probe(task::LabelSet const& labels, Vectors const& train,
                                                          LabelledRows const& train_rows, Vectors const& rows,
                                                          std::span<task::Example const* const> examples);
/// Multiple choice: least squares to whether a choice is right; the largest is the answer. A vector for each choice of
/// each row, in their order. All training rows are labelled.
[[nodiscard]] std::vector<task::Prediction> choice_probe(Vectors const& train, LabelledRows const& train_rows,
                                                         Vectors const& rows,
                                                         std::span<task::Example const* const> examples);

}  // namespace polytask::eval
