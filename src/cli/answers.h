// Predictions and scores as the JSON that the command prints, with code-point offsets.
#pragma once

#include "base/json.h"
#include "eval/scores.h"
#include "task/label_set.h"
#include "task/prediction.h"
#include "task/task_spec.h"

namespace polytask::cli {

/// {"label":..,"score":..}, {"labels":[..],"scores":{..}}, {"value":..} or {"spans":[[start,end,"LABEL",score],..]}.
[[nodiscard]] OrderedJson answer_json(task::LabelSet const& labels, task::Prediction const& prediction,
                                      std::string const& text);
/// What the row says itself, in the form of the files.
[[nodiscard]] OrderedJson gold_json(task::Label const& label, std::string const& text);
/// {"metric":..,"value":..,"interval":[lo,hi],"n":..,"all":{..}}; of classification and tagging also "confusion"
/// ([gold][predicted]) with its "confusion_labels", of multilabel "confusion_by_label" ({label:
/// {"tp","fp","fn","tn"}}). An undefined score is null.
[[nodiscard]] OrderedJson scores_json(eval::TaskScores const& scores);

}  // namespace polytask::cli
