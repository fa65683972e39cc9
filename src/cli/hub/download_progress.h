// What is said while an encoder is downloaded.
#pragma once

#include <chrono>
#include <deque>

#include "cli/live_line.h"
#include "hub/encoder_fetch.h"

namespace polytask::cli {

class DownloadProgress {
 public:
  explicit DownloadProgress(std::filesystem::path const& cache) : cache_(cache) {}
  void show(hub::FetchPlan const& plan);
  void show(hub::FetchProgress const& progress);
  void note(std::string const& sentence) { line_.print("note: " + sentence); }
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  struct Moment {
    Clock::time_point time;
    std::uint64_t n_done;
  };
  std::filesystem::path const& cache_;
  LiveLine line_;
  std::deque<Moment> recent_;  ///< of the last seconds: what comes now says how long the rest takes
  std::uint64_t n_at_start_ = 0;
  Clock::time_point start_{};
  std::uint64_t n_done_ = 0;
};

}  // namespace polytask::cli
