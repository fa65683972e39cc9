// One finding of a check over data or configuration; checks report all of them, not the first.
#pragma once

#include <string>
#include <vector>

namespace polytask {

enum class Severity { Warning, Error };

struct Problem {
  Severity severity = Severity::Error;
  std::string kind;     ///< stable machine word in kebab case: "unknown-label", "leakage"
  std::string where;    ///< "file:line", "polytask.yaml:12" or "task \"intent\""
  std::string message;  ///< what was found, what was expected, what to do; lower case, no final period
};

[[nodiscard]] inline bool has_errors(std::vector<Problem> const& problems) {
  for (auto const& problem : problems)
    if (problem.severity == Severity::Error) return true;
  return false;
}

}  // namespace polytask
