#include "cli/fewest_kept.h"

#include <algorithm>

namespace polytask::cli {

std::optional<std::size_t> fewest_kept(std::size_t n, std::function<bool(std::size_t n_kept)> const& is_allowed) {
  for (std::size_t n_kept = 0;; n_kept = std::clamp<std::size_t>(2 * n_kept, 1, n)) {
    if (is_allowed(n_kept)) return n_kept;
    if (n_kept == n) return std::nullopt;
  }
}

}  // namespace polytask::cli
