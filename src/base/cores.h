// How much of the machine this process may use.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace polytask {

/// Cores of this process's affinity mask; >= 1.
[[nodiscard]] int n_cores_of_affinity();

/// Cores' worth of time that the control groups of this process grant it (`docker run --cpus 1.5`), the least of all
/// its groups; nothing without a limit. `groups`: the text of /proc/self/cgroup; `root`: where the groups' files are.
[[nodiscard]] std::optional<double> cores_of_groups(std::string_view groups, std::filesystem::path const& root);

/// Cores that it makes sense to compute on: those of the affinity, at most as many as the groups grant (rounded up).
/// More threads than that are stopped together, in the middle of what the others wait for. >= 1.
[[nodiscard]] int n_usable_cores();

/// What the groups of this very process grant.
[[nodiscard]] std::optional<double> granted_cores();

}  // namespace polytask
