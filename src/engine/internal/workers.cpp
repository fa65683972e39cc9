#include "engine/internal/workers.h"

namespace polytask::engine {
namespace {

/// About 100 microseconds: longer than the pauses inside a pass, and than those between the requests of a busy server.
constexpr int kSpins = 4'000;

void pause() noexcept {
#ifdef __x86_64__
  __builtin_ia32_pause();
#endif
}

/// Returns when `value` is no longer `old`.
template <typename T>
void wait_while(std::atomic<T> const& value, T old) noexcept {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

void Barrier::wait() noexcept {
  auto const round = round_.load(std::memory_order_acquire);
  if (n_arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == n_) {
    n_arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    round_.notify_all();
    return;
  }
  wait_while(round_, round);
}

std::pair<std::int64_t, std::int64_t> Member::share(std::int64_t n, std::int64_t granule) const noexcept {
  std::int64_t const n_pieces = (n + granule - 1) / granule;
  auto const border = [&](int member) {
    std::int64_t const at = n_pieces * member / size * granule;
    return at < n ? at : n;
  };
  return {border(rank), border(rank + 1)};
}

Workers::Workers(int n) : n_(n), barrier_(n) {
  for (int rank = 1; rank < n; ++rank) threads_.emplace_back([this, rank] { serve(rank); });
}

Workers::~Workers() {
  ends_ = true;
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::serve(int rank) {
  for (std::uint32_t last = 0;;) {
    wait_while(job_, last);
    last = job_.load(std::memory_order_acquire);
    if (ends_) return;
    do_work(rank);
    if (n_working_.fetch_sub(1, std::memory_order_acq_rel) == 1) n_working_.notify_all();
  }
}

void Workers::do_work(int rank) noexcept {
  try {
    (*work_)({rank, n_, &barrier_});
  } catch (...) {
    std::lock_guard const lock(failure_.mutex);
    if (!failure_.first) failure_.first = std::current_exception();
  }
}

void Workers::run(std::function<void(Member const&)> const& work) {
  work_ = &work;
  if (n_ > 1) {
    n_working_.store(n_ - 1, std::memory_order_relaxed);
    job_.fetch_add(1, std::memory_order_release);
    job_.notify_all();
  }
  do_work(0);
  for (int left = n_working_.load(std::memory_order_acquire); left > 0;
       left = n_working_.load(std::memory_order_acquire))
    wait_while(n_working_, left);
  if (auto const failure = std::exchange(failure_.first, nullptr)) std::rethrow_exception(failure);
}

}  // namespace polytask::engine
