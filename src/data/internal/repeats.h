// Rows that are read in two ways are checked twice; what is wrong with them is said once.
#pragma once

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/problem.h"

namespace polytask::data {

/// Keeps the first of equal findings.
inline std::vector<Problem> without_repeats(std::vector<Problem> problems) {
  std::set<std::tuple<std::string, std::string, std::string>> seen;
  std::erase_if(problems, [&](Problem const& problem) {
    return !seen.emplace(problem.kind, problem.where, problem.message).second;
  });
  return problems;
}

}  // namespace polytask::data
