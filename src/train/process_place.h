// Which of the processes that train one model together this one is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace polytask::train {

struct ProcessPlace {
  int rank = 0;    ///< 0 leads: it evaluates, and writes everything
  int size = 1;    ///< processes, on all machines; >= 1
  int n_here = 1;  ///< of them on this machine, as far as the launcher tells: they share its cores
  /// How they find one another: a file that all can open where it is set (on one machine), else a port of the first
  /// one.
  std::filesystem::path file;
  std::string address;
  std::uint16_t port = 0;
  std::string interface;  ///< of the network that messages come by; empty = that of the machine's name
};

/// Looks a variable of the environment up; nothing where it is not set.
using Environment = std::function<std::optional<std::string>(char const* name)>;

/// As a launcher set it, nothing without one: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT of torchrun, or Slurm's
/// SLURM_PROCID, SLURM_NTASKS and the first machine of SLURM_STEP_NODELIST with a port that the step's id decides
/// (MASTER_ADDR and MASTER_PORT go before). GLOO_SOCKET_IFNAME is the interface, as for PyTorch. Throws
/// Error{InvalidUsage} naming the variable.
[[nodiscard]] std::optional<ProcessPlace> place_from(Environment const& environment);

/// The first machine of a list as Slurm writes it: "gpu[07-09,12],login1" starts with gpu07.
[[nodiscard]] std::string first_host(std::string const& list);

}  // namespace polytask::train
