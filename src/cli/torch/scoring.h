// A model over a split: predictions, scores, the rows it got wrong.
#pragma once

#include <filesystem>
#include <stop_token>
#include <vector>

#include "data/corpus.h"
#include "eval/scores.h"
#include "train/predictor.h"

namespace polytask::cli {

/// Labelled rows of one task and what the model says about them.
struct TaskAnswers {
  std::size_t task = 0;  ///< index in the corpus
  std::vector<task::Example const*> examples;
  std::vector<task::Label> gold;
  std::vector<task::Prediction> predicted;
};

/// One pass over the labelled rows of the split for all tasks that the corpus and the model share, matched by name.
/// Throws Error{Interrupted} soon after `stop` is requested.
[[nodiscard]] std::vector<TaskAnswers> answer_split(train::Predictor const& predictor, data::Corpus const& corpus,
                                                    data::Split split, std::stop_token const& stop = {});

/// Throws Error{Interrupted} once `stop` is requested.
void leave_if_stopped(std::stop_token const& stop);

[[nodiscard]] eval::TaskScores score_answers(train::Predictor const& predictor, data::Corpus const& corpus,
                                             TaskAnswers const& answers);

/// `folder`/<split>.<task>.jsonl: {"row":..,"gold":..,"predicted":{..}} a line.
void write_answers(std::filesystem::path const& folder, data::Split split, data::Corpus const& corpus,
                   TaskAnswers const& answers);
/// The rows that were answered wrongly, most confident first:
/// {"task":..,"where":..,"text":..,"gold":..,"predicted":..}.
void write_misses(std::filesystem::path const& file, data::Corpus const& corpus,
                  std::vector<TaskAnswers> const& answers);

}  // namespace polytask::cli
