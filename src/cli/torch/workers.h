// `train --workers N`: copies of this command on this machine, which train together with it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "train/process_place.h"

namespace polytask::cli {

/// Where this process stands among several: a copy that Workers started, or one that a launcher did
/// (train::place_from); nothing where it is alone, or is to start others itself.
[[nodiscard]] std::optional<train::ProcessPlace> place_of_this_process();

/// Processes of the run on this machine that share its cores, as far as whoever started them tells.
[[nodiscard]] int n_processes_here();

class Workers {
 public:
  /// Starts `n` - 1 copies. They end with this process, however that ends. Until `joined()`, one that ends takes this
  /// process with it. Throws Error{Unavailable}.
  explicit Workers(int n);
  /// Waits a little for them, then kills them.
  ~Workers();
  Workers(Workers const&) = delete;
  Workers& operator=(Workers const&) = delete;

  [[nodiscard]] train::ProcessPlace const& place() const noexcept { return place_; }
  void joined() noexcept { has_joined_ = true; }

 private:
  void start(int rank, char const* executable, std::vector<char*> const& arguments);
  void watch(std::stop_token const& done);

  train::ProcessPlace place_;
  std::filesystem::path folder_;
  std::vector<pid_t> running_;
  std::atomic<bool> has_joined_ = false;
  std::jthread watcher_;
};

}  // namespace polytask::cli
