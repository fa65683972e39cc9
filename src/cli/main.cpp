// The command. It does not link LibTorch: the verb that trains starts `polytask-torch` in its place.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "cli/verbs.h"

namespace {

using namespace polytask;
namespace fs = std::filesystem;

/// Replaces this process by the one with LibTorch; returns only by throwing.
[[noreturn]] void become_torch(char** argv) {
  auto const own = fs::canonical("/proc/self/exe");
  auto const path = own.parent_path().parent_path() / "libexec" / "polytask" / "polytask-torch";
  // Threads that wait by spinning fight with everything else on a small machine; OpenMP reads this only at its start.
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  ::execv(path.c_str(), argv);
  throw Error(ErrorCode::NotFound,
              fmt::format("{}: cannot be started ({}); it belongs to the installation and is built with LibTorch",
                          path.string(), std::strerror(errno)));
}

int run(cli::CommandLine const& line, int /*argc*/, char** argv) {
  switch (line.verb) {
    case cli::Verb::Init: return cli::init(line);
    case cli::Verb::Validate: return cli::validate(line);
    case cli::Verb::Runs: return cli::runs(line);
    case cli::Verb::Package: return cli::package(line);
    case cli::Verb::Export: return cli::export_task(line);
    case cli::Verb::Import: return cli::import_task(line);
    case cli::Verb::Quantize: return cli::quantize(line);
    case cli::Verb::Evaluate: return cli::evaluate(line);
    case cli::Verb::Predict: return cli::predict(line);
    case cli::Verb::Bench: return cli::bench(line);
    case cli::Verb::Train: become_torch(argv);
  }
  return 42;
}

}  // namespace

int main(int argc, char** argv) { return cli::run_command(argc, argv, run); }
