// The verbs that need LibTorch. Users call `polytask`, which starts this.
#include "cli/torch/verbs.h"
#include "cli/verbs.h"

namespace {

int run(polytask::cli::CommandLine const& line, int /*argc*/, char** /*argv*/) {
  using polytask::cli::Verb;
  switch (line.verb) {
    case Verb::Train: return polytask::cli::train(line);
    case Verb::Evaluate: return polytask::cli::evaluate(line);
    case Verb::Predict: return polytask::cli::predict(line);
    case Verb::Validate: return polytask::cli::validate(line);
    case Verb::Runs: return polytask::cli::runs(line);
  }
  return 42;
}

}  // namespace

int main(int argc, char** argv) { return polytask::cli::run_command(argc, argv, run); }
