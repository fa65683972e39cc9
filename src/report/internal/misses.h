// The rows that were answered wrongly, so that one can look at them.
#pragma once

#include <string>

#include "report/run_page.h"

namespace polytask::report {

/// A table of at most kShownMisses rows and how many more there are; empty when the task was not judged on dev.
[[nodiscard]] std::string misses_section(TaskReport const& task);

}  // namespace polytask::report
