// The verbs that speak the formats of other programs.
#pragma once

#include "cli/command_line.h"

namespace polytask::cli {

/// `polytask export`: tasks as a folder of another program.
int export_task(CommandLine const& line);
/// `polytask import`: such a folder as a package.
int import_task(CommandLine const& line);

}  // namespace polytask::cli
