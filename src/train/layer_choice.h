// Every task with as many top layers of its own as it needs, above an encoder that nobody changes.
// Method: partial fine-tuning and merging (Wei, Qi and He 2022, "A Flexible Multi-Task Model for BERT Serving",
// arXiv:2107.05377): each task is trained by itself, some top layers alone; the models are merged, which changes none
// of their answers, as below their own layers all have the same encoder. Here every number of layers m is tried, and
// chosen on dev: of those whose score lies within one dev row of the best the smallest. Where we differ: m may be 0, a
// head alone; the layers are not compressed by distillation before the merge.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>

#include "data/corpus.h"
#include "train/config.h"
#include "train/trainer.h"

namespace polytask::train {

/// Of the scores by m, the smallest m that lies no further below the best than `one_row`. An undefined score (NaN)
/// counts as 0. At least one.
[[nodiscard]] std::int64_t smallest_good_enough(std::map<std::int64_t, double> const& scores, double one_row);

/// What train() does where TrainConfig::chooses_private_layers: for each task of the corpus and each m from 0 to the
/// number of layers above `frozen_layers` a training of its own, in `run_folder`/trials/<task>/<m>/; a task of
/// TrainConfig::task_layers keeps those. Each has the configuration's epochs, steps and selection for itself.
/// `run_folder`/model is put together from the chosen ones; the other trials' weights are removed, their scores are
/// kept in `run_folder`/trials/<task>/<m>.json. Resumed, it goes on with the trial that was stopped, and gives the same
/// bytes. Throws as train(), and Error{InvalidUsage} for a task without dev rows to choose by, and for several
/// processes.
TrainResult train_with_chosen_layers(data::Corpus const& corpus, TrainConfig const& config, TrainOptions const& options,
                                     TrainEvents const& events, std::stop_token const& stop);

}  // namespace polytask::train
