// An audit with a finding of every kind, for tests and for looking at the page.
#pragma once

#include <string>
#include <vector>

#include "report/data_page.h"

namespace polytask::report {

/// Every kind that an audit, or the probe of an encoder, gives.
[[nodiscard]] std::vector<std::string> const& finding_kinds();

/// What breaks pages: markup, control characters, right-to-left marks and endless words in every name and text.
[[nodiscard]] DataPageData hostile_audit();

}  // namespace polytask::report
