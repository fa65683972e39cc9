// The one page about labelled data: what is wrong with it, what that costs, and what the tasks and texts look like.
#pragma once

#include <string>
#include <vector>

#include "audit/audit.h"
#include "base/problem.h"

namespace polytask::report {

struct DataPageData {
  std::string project;
  std::string date;  ///< ISO 8601, UTC; may be empty
  audit::Audit audit;
  std::vector<Problem> problems;  ///< of single rows; the first of each kind are shown
};

/// One self-contained HTML page (UTF-8) in English and Japanese, as run_page: no network, everything from the data
/// escaped.
[[nodiscard]] std::string data_page(DataPageData const& data);

}  // namespace polytask::report
