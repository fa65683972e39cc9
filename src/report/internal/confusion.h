// Which labels are taken for which: a heat map and the pairs that are confused most; for sets of labels, each against
// the rest.
#pragma once

#include <string>

#include "report/run_page.h"

namespace polytask::report {

/// Up to this many labels the matrix is a table with its counts; beyond, a figure that opens and scrolls.
inline constexpr std::size_t kMaxTableLabels = 30;

/// Empty without a matrix and without counts by label, or when its sizes do not fit its labels. `id` is unique on the
/// page and safe in an attribute.
[[nodiscard]] std::string confusion_section(TaskReport const& task, std::string const& id);

}  // namespace polytask::report
