#include "base/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

namespace polytask {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> text_of(fs::path const& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// "150000 100000" are 1.5 cores, "max 100000" and "-1 100000" no limit.
std::optional<double> cores_in(std::string const& text) {
  double quota = 0;
  double period = 0;
  std::istringstream words(text);
  if (!(words >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

/// Of one group, by the files of either version.
std::optional<double> cores_of_group(fs::path const& folder) {
  if (auto const both = text_of(folder / "cpu.max")) return cores_in(*both);
  auto const quota = text_of(folder / "cpu.cfs_quota_us");
  auto const period = text_of(folder / "cpu.cfs_period_us");
  return quota && period ? cores_in(*quota + " " + *period) : std::nullopt;
}

/// "0::/a/b" is of version 2, "3:cpu,cpuacct:/a/b" of the first; other lines limit other things.
std::optional<std::pair<fs::path, std::string>> group_in(std::string const& line, fs::path const& root) {
  auto const first = line.find(':');
  auto const second = line.find(':', first + 1);
  if (second == std::string::npos) return std::nullopt;
  auto const controllers = line.substr(first + 1, second - first - 1);
  auto const path = line.substr(second + 1);
  if (controllers.empty()) return std::pair(root, path);
  auto const is_cpu = ("," + controllers + ",").find(",cpu,") != std::string::npos;
  return is_cpu ? std::optional(std::pair(root / controllers, path)) : std::nullopt;
}

}  // namespace

int n_cores_of_affinity() {
  cpu_set_t cores;
  return ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? std::max(1, CPU_COUNT(&cores)) : 1;
}

std::optional<double> cores_of_groups(std::string_view groups, fs::path const& root) {
  std::optional<double> least;
  std::istringstream lines{std::string(groups)};
  for (std::string line; std::getline(lines, line);) {
    auto const group = group_in(line, root);
    if (!group) continue;
    // A container often sees its own group as the root, and the path of another name space: what is not there is
    // skipped.
    for (auto path = fs::path(group->second).lexically_normal().relative_path();; path = path.parent_path()) {
      if (auto const cores = cores_of_group(path.empty() ? group->first : group->first / path))
        least = least ? std::min(*least, *cores) : *cores;
      if (path.empty()) break;
    }
  }
  return least;
}

std::optional<double> granted_cores() {
  auto const groups = text_of("/proc/self/cgroup");
  return groups ? cores_of_groups(*groups, "/sys/fs/cgroup") : std::nullopt;
}

int n_usable_cores() {
  auto const cores = n_cores_of_affinity();
  auto const granted = granted_cores();
  return granted ? std::clamp(static_cast<int>(std::ceil(*granted)), 1, cores) : cores;
}

}  // namespace polytask
