#include "cli/machine_notes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "base/cores.h"
#include "kernels/peak.h"

namespace polytask::cli {

Machine this_machine(std::string_view precision) {
  Machine machine{
      .n_cores = n_cores_of_affinity(), .granted = granted_cores(), .instructions = kernels::detected_instructions()};
  if (precision == "bf16") machine.bfloat16_gain = kernels::bfloat16_gain();
  // What others do changes from minute to minute: it is for somebody who waits, and no log.
  if (::isatty(STDERR_FILENO) == 0 || ::getloadavg(&machine.load, 1) != 1) machine.load = 0;
  if (char const* const waiting = std::getenv("OMP_WAIT_POLICY")) machine.waiting = waiting;
  for (char& c : machine.waiting) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return machine;
}

std::vector<std::string> machine_notes(Machine const& machine, int n_threads, int n_processes) {
  std::vector<std::string> notes;
  int const n_all = n_threads * n_processes;
  auto const all = n_processes == 1 ? fmt::format("{} threads compute", n_threads)
                                    : fmt::format("{} processes of {} threads compute", n_processes, n_threads);
  if (n_all > machine.n_cores)
    notes.push_back(fmt::format("{} on {} core{}: they wait for one another; give fewer --threads{}", all,
                                machine.n_cores, machine.n_cores == 1 ? "" : "s",
                                n_processes == 1 ? "" : " or --workers"));
  else if (machine.granted && n_all > std::ceil(*machine.granted))
    notes.push_back(
        fmt::format("{}, and this container is granted {:.1f} of the machine's {} cores: all of them are "
                    "stopped whenever its share is used up; give --threads {:.0f}, or the container more",
                    all, *machine.granted, machine.n_cores, std::max(1.0, std::ceil(*machine.granted / n_processes))));
  if (double const free = machine.n_cores - machine.load; machine.load >= 1 && free + 0.5 < n_all)
    notes.push_back(
        fmt::format("other programs keep this machine busy (load {:.1f} on {} core{}): everything takes "
                    "longer than it would alone",
                    machine.load, machine.n_cores, machine.n_cores == 1 ? "" : "s"));
  if (machine.waiting == "active" && (n_processes > 1 || machine.load >= 1))
    notes.push_back("OMP_WAIT_POLICY is active: threads that wait keep their cores from others that work; unset it");
  if (machine.instructions < kernels::InstructionSet::Avx2)
    notes.push_back(
        "this processor has no AVX2, or it is hidden by the virtual machine: products take four times as "
        "long or more; let the machine show its real processor (QEMU: -cpu host)");
  // None at all, without the instructions, is an error of its own.
  if (auto const gain = machine.bfloat16_gain.value_or(0); gain > 0 && gain < kernels::kWorthwhileGain)
    notes.push_back(fmt::format(
        "this processor multiplies in bfloat16 {:.1f} times as fast as in float32, so that it gains nothing; "
        "set train.precision: f32",
        gain));
  return notes;
}

}  // namespace polytask::cli
