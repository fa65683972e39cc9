// Which labels the tasks of a corpus have.
#pragma once

#include <string>
#include <vector>

#include "data/corpus.h"

namespace polytask::data {

/// The labels that one task's label on one row names.
[[nodiscard]] std::vector<std::string> names_in(task::Label const& label);

/// Sets the label sets of a corpus whose rows are read: from the training rows, or as declared. Every label that is in
/// none, and tasks with nothing to learn, go to its problems.
void find_label_sets(Corpus& corpus);

}  // namespace polytask::data
