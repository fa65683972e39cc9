// The audit of a project's data as `validate` gives it: as JSON and as lines.
#pragma once

#include <iosfwd>

#include "audit/audit.h"
#include "base/json.h"

namespace polytask::cli {

/// "findings", "tasks" (facts by name) and "datasets" of an audit; numbers that are not finite become null.
[[nodiscard]] OrderedJson to_json(audit::Audit const& audit);

/// Numbered findings, the costliest first, each with what to do and a row that shows it.
void print(std::ostream& out, audit::Audit const& audit);

}  // namespace polytask::cli
