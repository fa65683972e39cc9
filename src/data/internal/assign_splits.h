// Which training rows become dev and test rows.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "data/corpus.h"

namespace polytask::data {

/// What a declared split looks at in a row.
struct RowFacts {
  std::string group;                ///< empty = the row is a group of its own
  std::string stratum;              ///< rows of one stratum are cut in the declared proportions
  std::string time;                 ///< for DeclaredSplit::by_time; empty = unknown, and the row stays in train
  std::vector<std::size_t> labels;  ///< of all tasks, each label under a number of its own
};

/// Seeded, the same on every platform. Whole groups go to one side, a group's stratum is its first row's. A stratum or
/// a label of fewer than three rows stays in train whole, and each keeps at least one row there: a model could not
/// learn what only dev or test shows.
/// With by_time nothing is drawn: the newest rows are test, those before them dev; rows of one time stay on one side,
/// the older one. Times are compared as numbers where all are numbers, as texts (ISO dates) elsewhere.
[[nodiscard]] std::vector<Split> assign_splits(std::vector<RowFacts> const& rows, DeclaredSplit const& split,
                                               std::string_view salt, std::uint64_t seed);

}  // namespace polytask::data
