// Threads that work on one thing together, and then on the next.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace polytask::engine {

/// Thrown by members of a team whose work cannot go on, as another one threw.
struct Abandoned {};

/// A point that all of a team reach before any goes on. They spin a while, as the pieces between two points take
/// microseconds, and sleep then.
class Barrier {
 public:
  explicit Barrier(int n) : n_(n) {}
  /// Throws Abandoned once somebody has abandoned the barrier.
  void wait();
  /// Nobody waits here any longer.
  void abandon() noexcept;
  /// As new; only while nobody waits.
  void reset() noexcept;

 private:
  int n_;
  std::atomic<bool> is_abandoned_{false};
  std::atomic<int> n_arrived_{0};
  std::atomic<std::uint32_t> round_{0};
};

/// One of the threads that go through something together: which share is its own, and where they wait for one another.
struct Member {
  int rank = 0;
  int size = 1;
  Barrier* barrier = nullptr;  ///< not needed by one alone

  void wait() const {
    if (size > 1) barrier->wait();
  }
  /// Its part of [0, n), cut at multiples of `granule`.
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> share(std::int64_t n, std::int64_t granule = 1) const noexcept;
};

/// The thread that calls `run` is the first of them. One caller at a time; a work must not call `run`.
class Workers {
 public:
  /// Throws Error{Unavailable} where the system gives fewer threads.
  explicit Workers(int n);
  ~Workers();
  Workers(Workers const&) = delete;
  Workers& operator=(Workers const&) = delete;

  /// Runs `work` on every worker and returns when all are done. Throws what one of them threw first; those that wait at
  /// the barrier meanwhile are released.
  void run(std::function<void(Member const&)> const& work);
  [[nodiscard]] int size() const noexcept { return n_; }

 private:
  void serve(int rank);
  void do_work(int rank) noexcept;
  void end() noexcept;

  int n_;
  Barrier barrier_;
  std::function<void(Member const&)> const* work_ = nullptr;
  std::atomic<std::uint32_t> job_{0};
  std::atomic<bool> ends_{false};
  std::atomic<int> n_working_{0};
  struct Failure {
    std::mutex mutex;
    std::exception_ptr first;
  } failure_;
  std::vector<std::thread> threads_;
};

}  // namespace polytask::engine
