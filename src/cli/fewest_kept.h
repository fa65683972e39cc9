// How many of a ranked list have to be kept as they are, found in few tries.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

namespace polytask::cli {

/// Tries 0, 1, 2, 4, ... and at last all `n`; the first that is allowed, or nothing.
[[nodiscard]] std::optional<std::size_t> fewest_kept(std::size_t n,
                                                     std::function<bool(std::size_t n_kept)> const& is_allowed);

}  // namespace polytask::cli
