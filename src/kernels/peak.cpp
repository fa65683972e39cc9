#include "kernels/peak.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "kernels/internal/micro_kernel.h"

namespace polytask::kernels {

double measured_peak(Precision precision, InstructionSet instructions) {
  constexpr std::int64_t kSteps = 384;
  constexpr int kTries = 20;
  constexpr int kCallsPerTry = 400;
  auto const kernels = micro_kernels(instructions, precision);
  // All rows are one, and all panels: nothing leaves the first cache.
  std::vector<std::byte> row(kSteps * 4), panel(kSteps * PackedLinear::kPanel * 4);
  auto const n_columns = static_cast<std::size_t>(kernels.size.n_panels * PackedLinear::kPanel);
  std::vector<float> zeros(n_columns, 0.0F), scales(static_cast<std::size_t>(kernels.size.n_rows), 1.0F);
  std::vector<std::int32_t> starts(n_columns, 0);
  std::vector<float> out(n_columns * scales.size());
  Block const block{.n_rows = kernels.size.n_rows,
                    .rows = row.data(),
                    .row_scales = scales.data(),
                    .panels = panel.data(),
                    .n_steps = kSteps,
                    .ahead = panel.data(),
                    .bias = zeros.data(),
                    .column_scales = zeros.data(),
                    .starts = starts.data(),
                    .n_columns = static_cast<std::int64_t>(n_columns),
                    .out = {OutputRows::Type::Float32, out.data(), static_cast<std::int64_t>(n_columns)}};
  auto const multiply = kernels.choose(kernels.size.n_rows, kernels.size.n_panels);
  BlocksOfProduct const blocks(kernels, block.n_rows);
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    auto const start = std::chrono::steady_clock::now();
    for (int call = 0; call < kCallsPerTry; ++call) multiply(block);
    std::chrono::duration<double> const taken = std::chrono::steady_clock::now() - start;
    auto const n_steps = static_cast<double>(kCallsPerTry * kSteps * elements_per_step(precision));
    auto const n = 2.0 * n_steps * static_cast<double>(out.size());
    best = std::max(best, n / taken.count());
  }
  return best;
}

double bfloat16_gain() {
  if (detected_instructions() < InstructionSet::Avx512Bf16) return 0;
  static double const gain = measured_peak(Precision::BFloat16) / measured_peak(Precision::Float32);
  return gain;
}

Precision worthwhile_precision() {
  return bfloat16_gain() >= kWorthwhileGain ? Precision::BFloat16 : Precision::Float32;
}

}  // namespace polytask::kernels
