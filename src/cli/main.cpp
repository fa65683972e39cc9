// The command. It links neither LibTorch nor the libraries of other programs' formats: verbs that need them start
// `polytask-torch` or `polytask-exchange` in its place.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "cli/installation.h"
#include "cli/verbs.h"

namespace {

using namespace polytask;

/// Replaces this process by another executable; returns only by throwing. `reason` is what it is built with.
[[noreturn]] void become(char const* name, char const* reason, char** argv) {
  auto const path = cli::companion_executable(name);
  ::execv(path.c_str(), argv);
  throw Error(ErrorCode::NotFound,
              fmt::format("{}: cannot be started ({}); it belongs to the installation and is built with {}",
                          path.string(), std::strerror(errno), reason));
}

[[noreturn]] void become_torch(char** argv) {
  // Threads that wait by spinning fight with everything else on a small machine; OpenMP reads this only at its start.
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  become("polytask-torch", "LibTorch", argv);
}

int run(cli::CommandLine const& line, int /*argc*/, char** argv) {
  switch (line.verb) {
    case cli::Verb::Init: return cli::init(line);
    case cli::Verb::Validate: return cli::validate(line);
    case cli::Verb::Runs: return cli::runs(line);
    case cli::Verb::Package: return cli::package(line);
    case cli::Verb::Quantize: return cli::quantize(line);
    case cli::Verb::Evaluate: return cli::evaluate(line);
    case cli::Verb::Predict: return cli::predict(line);
    case cli::Verb::Bench: return cli::bench(line);
    case cli::Verb::Export:
    case cli::Verb::Import: become("polytask-exchange", "ONNX's messages", argv);
    case cli::Verb::Pretrain:
    case cli::Verb::Train: become_torch(argv);
  }
  return 42;
}

}  // namespace

int main(int argc, char** argv) { return cli::run_command(argc, argv, run); }
