// The verbs that need a trained or training model.
#pragma once

#include "cli/command_line.h"

namespace polytask::cli {

int train(CommandLine const& line);
int evaluate(CommandLine const& line);
/// 0, or 3 when a row could not be answered.
int predict(CommandLine const& line);

/// --threads, or the cores that this process may use.
[[nodiscard]] int n_threads_of(CommandLine const& line);

}  // namespace polytask::cli
