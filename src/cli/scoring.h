// A model over a split: predictions, scores, the rows it got wrong.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "data/corpus.h"
#include "eval/scores.h"
#include "model/model_folder.h"

namespace polytask::cli {

/// A model that answers, whatever computes: the engine, or LibTorch after a training.
struct AnsweringModel {
  model::ModelSpec const& spec;
  /// [example][position in the indices of heads].
  std::function<std::vector<std::vector<task::Prediction>>(std::span<task::Example const>,
                                                           std::span<std::size_t const>)>
      predict;
};

/// Borrows the model.
template <typename Model>
[[nodiscard]] AnsweringModel answering(Model const& model) {
  return {model.spec(), [&model](auto examples, auto heads) { return model.predict(examples, heads); }};
}

/// Labelled rows of one task and what the model says about them.
struct TaskAnswers {
  std::size_t task = 0;  ///< index in the corpus
  std::vector<task::Example const*> examples;
  std::vector<task::Label> gold;
  std::vector<task::Prediction> predicted;
};

/// One pass over the labelled rows of the split for all tasks that the corpus and the model share, matched by name.
/// Throws Error{Interrupted} soon after `stop` is requested.
[[nodiscard]] std::vector<TaskAnswers> answer_split(AnsweringModel const& model, data::Corpus const& corpus,
                                                    data::Split split, std::stop_token const& stop = {});

/// Throws Error{Interrupted} once `stop` is requested.
void leave_if_stopped(std::stop_token const& stop);

[[nodiscard]] eval::TaskScores score_answers(AnsweringModel const& model, data::Corpus const& corpus,
                                             TaskAnswers const& answers);

/// `folder`/<split>.<task>.jsonl: {"row":..,"gold":..,"predicted":{..}} a line.
void write_answers(std::filesystem::path const& folder, data::Split split, data::Corpus const& corpus,
                   TaskAnswers const& answers);
/// The rows that were answered wrongly, most confident first:
/// {"task":..,"where":..,"text":..,"gold":..,"predicted":..}.
void write_misses(std::filesystem::path const& file, data::Corpus const& corpus,
                  std::vector<TaskAnswers> const& answers);

}  // namespace polytask::cli
