// Products for any processor: vectors of 4.
#include <cstdint>

namespace polytask::kernels {
namespace {
constexpr int kLanes = 4;
}
}  // namespace polytask::kernels

#include "kernels/internal/generic_steps.h"

namespace polytask::kernels {
namespace {

[[gnu::always_inline]] inline Floats multiply_add_bfloat16(Floats sum, Floats a, Floats b) {
  return multiply_add_pairs(sum, a, b);
}
[[gnu::always_inline]] inline Ints multiply_add_int8(Ints sum, Ints a, Ints b) { return multiply_add_bytes(sum, a, b); }
[[gnu::always_inline]] inline Halves to_bfloat16(Floats x) { return nearest_bfloat16(x); }

}  // namespace
}  // namespace polytask::kernels

#include "kernels/internal/micro_kernel_body.h"

namespace polytask::kernels {

MicroKernels micro_kernels_portable(Precision precision) { return kernels_of<2, 1>(precision); }

}  // namespace polytask::kernels
