#include "cli/baseline_scores.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "cli/stored_answers.h"
#include "eval/baselines.h"
#include "eval/scores.h"

namespace polytask::cli {
namespace {

eval::LabelledRows labelled_rows(data::Corpus const& corpus, std::size_t task, data::Split split) {
  eval::LabelledRows rows;
  for (auto const& stream : corpus.streams) {
    auto const position = std::find(stream.tasks.begin(), stream.tasks.end(), task);
    if (position == stream.tasks.end()) continue;
    for (auto const& example : stream.of(split)) {
      auto const& label = example.labels[static_cast<std::size_t>(position - stream.tasks.begin())];
      if (!task::is_labelled(label)) continue;
      rows.examples.push_back(&example);
      rows.labels.push_back(label);
    }
  }
  return rows;
}

}  // namespace

BaselineScores baseline_scores(data::Corpus const& corpus, std::size_t task, data::Split split,
                               std::span<std::string const> rows, std::uint64_t seed) {
  auto const& spec = corpus.tasks[task];
  auto const& labels = corpus.label_sets[task];
  auto const train = labelled_rows(corpus, task, data::Split::Train);
  auto const scored = labelled_rows(corpus, task, split);
  auto const same_row = [&](task::Example const* example, std::string const& row) {
    return place_of(corpus.where(*example)) == place_of(row);
  };
  if (!std::equal(scored.examples.begin(), scored.examples.end(), rows.begin(), rows.end(), same_row))
    throw Error(ErrorCode::Conflict, fmt::format("the {} rows of task {} are not those that the run was scored on; "
                                                 "train the run again, or compare without --baselines",
                                                 data::to_string(split), quote(spec.name)));
  auto const score = [&](std::vector<task::Prediction> const& predicted) {
    return eval::primary_score(spec, labels, scored.labels, predicted);
  };
  return {.majority = score(eval::majority_baseline(spec, labels, train, scored.examples)),
          .bag_of_words = score(eval::bag_of_words_baseline(spec, labels, train, scored.examples, seed))};
}

}  // namespace polytask::cli
