// What a task's head is trained with, as a multiple of what guessing would cost.
#pragma once

#include <torch/types.h>

#include <vector>

#include "data/features.h"
#include "model/model_folder.h"

namespace polytask::nn {

struct LossConfig {
  double label_smoothing = 0.0;      ///< classification, tagging and multiple choice, 0..1
  std::vector<float> class_weights;  ///< classification: by label; empty = all 1
};

/// The loss of the best head that answers every row alike: the entropy of the base rates of labels (classification) or
/// tags (tagging), at least a tenth of ln(outputs); ln(labels) where class weights make all labels count the same; the
/// summed entropies of the labels for multilabel; the variance of the targets for regression. Dividing by it makes
/// the losses of different tasks comparable. > 0. `base_rates`: by output; unused for regression.
[[nodiscard]] double chance_level(model::HeadSpec const& head, std::vector<double> const& base_rates);

/// The same of a span head, which answers windows: `no_answer` is the share of the training windows without an answer,
/// `log_positions` the mean over the others of ln(their tokens). The entropy of knowing nothing but these. > 0.
[[nodiscard]] double span_chance_level(double no_answer, double log_positions);

/// The same of a multiple choice head: the mean over its training rows of ln(their choices). > 0.
[[nodiscard]] double choice_chance_level(double log_choices);

/// logits: [texts, outputs], or [tagged tokens, outputs] for tagging, or [all tokens, outputs] for span, or
/// [all choices, 1] for multiple choice, in the order
/// of `targets` (and of the tokens in them). Mean over texts (over tagged tokens for tagging); multilabel sums over
/// labels; span is, for each window, the mean of two cross-entropies over its own tokens, of where the answer starts
/// and ends (Devlin et al. 2019, arXiv:1810.04805, section 4.2, as BertForQuestionAnswering); multiple
/// choice the cross-entropy of the right one under the softmax over its row's choices (section 4.4, as
/// BertForMultipleChoice). A scalar.
torch::Tensor task_loss(model::HeadSpec const& head, LossConfig const& config, torch::Tensor const& logits,
                        std::vector<data::Target const*> const& targets);

}  // namespace polytask::nn
