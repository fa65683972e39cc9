// What this processor can multiply at best: the measure that shares of the peak are of.
#pragma once

#include "kernels/packed_linear.h"

namespace polytask::kernels {

/// Multiplications and additions a second (float32, bfloat16) or the same of bytes, by one thread, over operands that
/// stay in its first cache. Best of some short tries, about 50 ms in all. Needs an otherwise idle core.
[[nodiscard]] double measured_peak(Precision precision, InstructionSet instructions = detected_instructions());

/// How many times as fast as in float32 this processor multiplies in bfloat16, 0 where it has no instructions for it.
/// To have them is not enough: an Intel Xeon whose matrix tiles its virtual machine hides takes twice as long.
/// Measured by the first call, about 0.1 s.
[[nodiscard]] double bfloat16_gain();

/// bfloat16_gain() from which on it is worth it: the operands have to be converted, and all that is no product stays.
constexpr double kWorthwhileGain = 1.2;
/// BFloat16 where it is worth it, else Float32.
[[nodiscard]] Precision worthwhile_precision();

}  // namespace polytask::kernels
