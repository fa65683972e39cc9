// The verbs that train.
#pragma once

#include "cli/command_line.h"

namespace polytask::cli {

int train(CommandLine const& line);
/// 4 when --adapt did not help.
int pretrain(CommandLine const& line);

}  // namespace polytask::cli
