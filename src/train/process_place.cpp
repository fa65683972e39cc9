#include "train/process_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace polytask::train {
namespace {

constexpr int kMostProcesses = 4'096;
constexpr int kFirstPort = 29'500;  // torchrun's
constexpr int kPortsOfSteps = 1'000;

Error unusable(char const* name, std::string const& value, std::string const& expected) {
  return {ErrorCode::InvalidUsage,
          fmt::format("the variable {} is {}; expected {}: it is for several processes that train together, unset it "
                      "where there is one",
                      name, quote(value), expected)};
}

int number(Environment const& environment, char const* name, int least, int most) {
  auto const value = environment(name).value_or("");
  int found = 0;
  auto const* const end = value.data() + value.size();
  auto const read = std::from_chars(value.data(), end, found);
  if (value.empty() || read.ec != std::errc() || read.ptr != end || found < least || found > most)
    throw unusable(name, value, fmt::format("a number from {} to {}", least, most));
  return found;
}

std::uint16_t port_in(Environment const& environment) {
  constexpr int kLastPort = 65'535;
  int const port = number(environment, "MASTER_PORT", 1, kLastPort);
  // torchrun keeps a store of its own there, which speaks the language of its release.
  bool const is_taken = environment("TORCHELASTIC_USE_AGENT_STORE") == "True";
  return static_cast<std::uint16_t>(is_taken ? port % kLastPort + 1 : port);
}

ProcessPlace by_torchrun(Environment const& environment) {
  ProcessPlace place;
  place.size = number(environment, "WORLD_SIZE", 1, kMostProcesses);
  place.rank = number(environment, "RANK", 0, place.size - 1);
  if (place.size == 1) return place;
  if (environment("LOCAL_WORLD_SIZE")) place.n_here = number(environment, "LOCAL_WORLD_SIZE", 1, place.size);
  place.address = environment("MASTER_ADDR").value_or("");
  if (place.address.empty()) throw unusable("MASTER_ADDR", "", "the name or address of the machine of rank 0");
  place.port = port_in(environment);
  return place;
}

ProcessPlace by_slurm(Environment const& environment) {
  ProcessPlace place;
  place.size = number(environment, "SLURM_NTASKS", 1, kMostProcesses);
  place.rank = number(environment, "SLURM_PROCID", 0, place.size - 1);
  if (place.size == 1) return place;
  place.address = environment("MASTER_ADDR").value_or("");
  if (place.address.empty()) place.address = first_host(environment("SLURM_STEP_NODELIST").value_or(""));
  if (place.address.empty()) throw unusable("SLURM_STEP_NODELIST", "", "a list of machines");
  place.port = environment("MASTER_PORT")
                   ? port_in(environment)
                   : static_cast<std::uint16_t>(kFirstPort +
                                                number(environment, "SLURM_JOB_ID", 0, 2'147'483'647) % kPortsOfSteps);
  return place;
}

}  // namespace

std::string first_host(std::string const& list) {
  auto const bracket = list.find('[');
  if (bracket >= list.find(',')) return list.substr(0, list.find(','));
  auto const first = list.find_first_of(",-]", bracket);
  return list.substr(0, bracket) + list.substr(bracket + 1, first - bracket - 1);
}

std::optional<ProcessPlace> place_from(Environment const& environment) {
  std::optional<ProcessPlace> place;
  if (environment("WORLD_SIZE")) place = by_torchrun(environment);
  // A batch script alone has SLURM_NTASKS: only `srun` starts all of them.
  else if (environment("SLURM_PROCID") && environment("SLURM_STEP_ID") && environment("SLURM_STEP_NODELIST"))
    place = by_slurm(environment);
  if (place) place->interface = environment("GLOO_SOCKET_IFNAME").value_or("");
  return place;
}

}  // namespace polytask::train
