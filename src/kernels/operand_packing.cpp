#include "kernels/internal/operand_packing.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/internal/bfloat16.h"
#include "kernels/internal/micro_kernel.h"
#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

using std::int64_t;

constexpr int64_t kPanel = PackedLinear::kPanel;

/// Steps of `n` neighbours, from their two values along the inner dimension.
POLYTASK_SIMD_CLONES void pair_up(int64_t n, float const* first, float const* second, Step* __restrict out) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = static_cast<Step>(to_bfloat16(second[i])) << 16U | static_cast<Step>(to_bfloat16(first[i]));
}
POLYTASK_SIMD_CLONES void pair_with_zero(int64_t n, float const* first, Step* __restrict out) {
  for (int64_t i = 0; i < n; ++i) out[i] = to_bfloat16(first[i]);
}
/// Whole steps along a row.
POLYTASK_SIMD_CLONES void halve(int64_t n_steps, float const* row, Step* __restrict out) {
  for (int64_t i = 0; i < n_steps; ++i)
    out[i] = static_cast<Step>(to_bfloat16(row[2 * i + 1])) << 16U | static_cast<Step>(to_bfloat16(row[2 * i]));
}

template <Precision precision>
struct Packing {
  static constexpr int64_t kPerStep = precision == Precision::BFloat16 ? 2 : 1;

  static void row(float const* row, int64_t k, Step* out) {
    if constexpr (kPerStep == 1) {
      std::memcpy(out, row, static_cast<std::size_t>(k) * sizeof(Step));
    } else {
      halve(k / 2, row, out);
      if (k % 2 != 0) out[k / 2] = to_bfloat16(row[k - 1]);
    }
  }

  static void panel(float const* rows, int64_t stride, int64_t n_rows, int64_t k, Step* out) {
    std::array<Step, kStepsAtOnce> steps;
    for (int64_t at = 0; at < k; at += kStepsAtOnce * kPerStep) {
      int64_t const n = std::min(k - at, kStepsAtOnce * kPerStep);
      int64_t const n_steps = (n + kPerStep - 1) / kPerStep;
      auto* const place = out + at / kPerStep * kPanel;
      for (int64_t r = 0; r < kPanel; ++r) {
        if (r < n_rows)
          row(rows + r * stride + at, n, steps.data());
        else
          steps.fill(0);
        for (int64_t step = 0; step < n_steps; ++step) place[step * kPanel + r] = steps[static_cast<std::size_t>(step)];
      }
    }
  }

  static void columns(float const* values, int64_t stride, int64_t n_rows, int64_t k, Step* out, int64_t out_stride) {
    for (int64_t at = 0; at < k; at += kPerStep, out += out_stride) {
      auto const* const first = values + at * stride;
      if constexpr (kPerStep == 1)
        std::memcpy(out, first, static_cast<std::size_t>(n_rows) * sizeof(Step));
      else if (at + 1 < k)
        pair_up(n_rows, first, first + stride, out);
      else
        pair_with_zero(n_rows, first, out);
    }
  }

  static void columns_apart(float const* values, int64_t stride, int64_t n_rows, int64_t k, Step* out,
                            int64_t out_stride) {
    std::array<Step, kPanel> steps;
    for (int64_t first = 0; first < n_rows; first += kPanel) {
      int64_t const n = std::min(n_rows - first, kPanel);
      for (int64_t at = 0; at < k; at += kPerStep) {
        columns(values + at * stride + first, stride, n, std::min(k - at, kPerStep), steps.data(), 0);
        for (int64_t r = 0; r < n; ++r)
          out[(first + r) * out_stride + at / kPerStep] = steps[static_cast<std::size_t>(r)];
      }
    }
  }

  static constexpr OperandPacking functions() { return {row, panel, columns, columns_apart}; }
};

}  // namespace

OperandPacking operand_packing_portable(Precision precision) {
  return precision == Precision::BFloat16 ? Packing<Precision::BFloat16>::functions()
                                          : Packing<Precision::Float32>::functions();
}

OperandPacking operand_packing([[maybe_unused]] InstructionSet instructions, Precision precision) {
#ifdef POLYTASK_X86_KERNELS
  if (precision == Precision::BFloat16 && instructions >= InstructionSet::Avx512Bf16) return bfloat16_packing_avx512();
#endif
  return operand_packing_portable(precision);
}

}  // namespace polytask::kernels
