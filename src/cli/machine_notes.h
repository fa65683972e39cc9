// What makes this machine slower than it looks: said once, before work that takes long.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/packed_linear.h"

namespace polytask::cli {

struct Machine {
  int n_cores = 1;                ///< of the process's affinity
  std::optional<double> granted;  ///< cores' worth of time that its container grants; nothing without a limit
  double load = 0;                ///< processes that compute or wait to, over the last minute
  std::string waiting;            ///< OMP_WAIT_POLICY
  kernels::InstructionSet instructions = kernels::InstructionSet::Portable;
  std::optional<double> bfloat16_gain;  ///< kernels::bfloat16_gain(), where that is asked for
};
/// As it is for training in `precision`, "f32" or "bf16".
[[nodiscard]] Machine this_machine(std::string_view precision);

/// A sentence each: what is wrong, what it costs, what to do. `n_threads` compute in each of `n_processes` here.
[[nodiscard]] std::vector<std::string> machine_notes(Machine const& machine, int n_threads, int n_processes);

}  // namespace polytask::cli
