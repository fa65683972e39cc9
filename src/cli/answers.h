// Labels and scores as the JSON that the command prints, with code-point offsets; predictions: engine/answer_json.h.
#pragma once

#include <span>
#include <string>

#include "base/json.h"
#include "eval/scores.h"
#include "task/example.h"

namespace polytask::cli {

/// What the row says itself, in the form of the files.
[[nodiscard]] OrderedJson gold_json(task::Label const& label, std::span<std::string const> texts);
/// {"metric":..,"value":..,"interval":[lo,hi],"n":..,"all":{..}}; of classification and tagging also "confusion"
/// ([gold][predicted]) with its "confusion_labels", of multilabel "confusion_by_label" ({label:
/// {"tp","fp","fn","tn"}}). An undefined score is null.
[[nodiscard]] OrderedJson scores_json(eval::TaskScores const& scores);

}  // namespace polytask::cli
