// The verbs that need LibTorch. Users call `polytask`, which starts this.
#include <malloc.h>

#include "cli/torch/verbs.h"
#include "cli/verbs.h"

namespace {

int run(polytask::cli::CommandLine const& line, int /*argc*/, char** argv) {
  if (line.verb == polytask::cli::Verb::Train) return polytask::cli::train(line);
  if (line.verb == polytask::cli::Verb::Pretrain) return polytask::cli::pretrain(line);
  polytask::cli::refuse_verb("polytask-torch", "`train` and `pretrain`", argv);
}

/// Every step allocates arrays as large as the embedding table. Left to itself, the allocator gives them back to the
/// kernel and gets them again, page by page and zeroed.
void keep_freed_memory() {
  constexpr int kBytes = 256 << 20;
  mallopt(M_MMAP_THRESHOLD, kBytes);
  mallopt(M_TRIM_THRESHOLD, kBytes);
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  return polytask::cli::run_command(argc, argv, run);
}
