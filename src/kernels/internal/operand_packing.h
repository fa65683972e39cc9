// How the two sides of a product that both change become what blocks of it read: steps, of one float or of two
// bfloat16.
#pragma once

#include <cstdint>

#include "kernels/packed_linear.h"

namespace polytask::kernels {

using Step = std::uint32_t;

/// Of the inner dimension, as many elements at once as `kStepsAtOnce` steps have: pages and lines that a transposed
/// side is read from are read once, and while they are near.
constexpr std::int64_t kStepsAtOnce = 16;

/// `k` is the length of the inner dimension; where it does not fill the last step, zeros do.
struct OperandPacking {
  /// One row that lies along the inner dimension: out[step].
  void (*row)(float const* row, std::int64_t k, Step* out);
  /// Such rows side by side, as a panel has them: out[step * kPanel + row]; zeros beyond `n_rows` (at most kPanel).
  void (*panel)(float const* rows, std::int64_t stride, std::int64_t n_rows, std::int64_t k, Step* out);
  /// Rows that are columns in memory, values[i * stride + row], side by side: out[step * out_stride + row].
  void (*columns)(float const* values, std::int64_t stride, std::int64_t n_rows, std::int64_t k, Step* out,
                  std::int64_t out_stride);
  /// The same, each by itself: out[row * out_stride + step].
  void (*columns_apart)(float const* values, std::int64_t stride, std::int64_t n_rows, std::int64_t k, Step* out,
                        std::int64_t out_stride);
};

/// Of float32 and bfloat16.
[[nodiscard]] OperandPacking operand_packing(InstructionSet instructions, Precision precision);
[[nodiscard]] OperandPacking operand_packing_portable(Precision precision);
[[nodiscard]] OperandPacking bfloat16_packing_avx512();

}  // namespace polytask::kernels
