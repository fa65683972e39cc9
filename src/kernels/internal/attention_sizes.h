// What the loops of attention and those who give them room agree on.
#pragma once

#include <cstdint>

namespace polytask::kernels {

constexpr std::int64_t kMostLanes = 16;     ///< floats a vector, of any instruction set
constexpr std::int64_t kQueriesAtOnce = 4;  ///< in a block

}  // namespace polytask::kernels
