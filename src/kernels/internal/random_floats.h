// Normal numbers for the tests of this room.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"

namespace polytask::kernels {

using Floats = std::vector<float>;

inline Floats random_floats(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  Floats values(static_cast<std::size_t>(n));
  for (auto& value : values) value = static_cast<float>(rng.normal());
  return values;
}

}  // namespace polytask::kernels
