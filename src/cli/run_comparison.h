// Runs side by side, task by task, on the same test rows.
#pragma once

#include "cli/command_line.h"
#include "cli/project_file.h"

namespace polytask::cli {

/// `polytask runs compare TOGETHER ALONE...`: the first run against the one of the others that has each task.
int compare_runs(CommandLine const& line, Project const& project);

}  // namespace polytask::cli
