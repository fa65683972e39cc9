// What this processor can multiply at best: the measure that shares of the peak are of.
#pragma once

#include "kernels/packed_linear.h"

namespace polytask::kernels {

/// Multiplications and additions a second (float32, bfloat16) or the same of bytes, by one thread, over operands that
/// stay in its first cache. Best of some short tries, about 50 ms in all. Needs an otherwise idle core.
[[nodiscard]] double measured_peak(Precision precision, InstructionSet instructions = detected_instructions());

}  // namespace polytask::kernels
