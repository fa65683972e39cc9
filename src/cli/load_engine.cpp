#include "cli/load_engine.h"

namespace polytask::cli {

engine::Engine load_engine(std::filesystem::path const& model_folder, CommandLine const& line) {
  return engine::Engine::load(
      model_folder, {.precision = kernels::parse_precision(line.precision).value(), .n_workers = n_threads_of(line)});
}

}  // namespace polytask::cli
