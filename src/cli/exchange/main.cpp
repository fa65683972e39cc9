// The verbs that need the libraries of other programs' formats. Users call `polytask`, which starts this.
#include "cli/exchange/verbs.h"
#include "cli/verbs.h"

namespace {

int run(polytask::cli::CommandLine const& line, int /*argc*/, char** argv) {
  if (line.verb == polytask::cli::Verb::Export) return polytask::cli::export_task(line);
  if (line.verb == polytask::cli::Verb::Import) return polytask::cli::import_task(line);
  polytask::cli::refuse_verb("polytask-exchange", "`export` and `import`", argv);
}

}  // namespace

int main(int argc, char** argv) { return polytask::cli::run_command(argc, argv, run); }
