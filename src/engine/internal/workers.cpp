#include "engine/internal/workers.h"

#include <fmt/format.h>

#include <system_error>

#include "base/error.h"

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

// Stores that somebody may sleep on are sequentially consistent: whoever notifies must not overtake them, or it would
// find nobody asleep and leave.
void Barrier::wait() {
  auto const round = round_.load();
  if (is_abandoned_) throw Abandoned();
  if (n_arrived_.fetch_add(1) + 1 == n_) {
    n_arrived_.store(0);
    round_.fetch_add(1);
    round_.notify_all();
    return;
  }
  wait_while(round_, round);
  if (is_abandoned_) throw Abandoned();
}

void Barrier::abandon() noexcept {
  is_abandoned_ = true;
  round_.fetch_add(1);
  round_.notify_all();
}

void Barrier::reset() noexcept {
  is_abandoned_ = false;
  n_arrived_ = 0;
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
  try {
    for (int rank = 1; rank < n; ++rank) threads_.emplace_back([this, rank] { serve(rank); });
  } catch (std::system_error const& error) {
    end();
    throw Error(ErrorCode::Unavailable,
                fmt::format("{} threads cannot be started ({}); ask for fewer with --threads", n, error.what()));
  }
}

Workers::~Workers() { end(); }

void Workers::end() noexcept {
  ends_ = true;
  job_.fetch_add(1);
  job_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::serve(int rank) {
  for (std::uint32_t last = 0;;) {
    wait_while(job_, last);
    last = job_.load(std::memory_order_acquire);
    if (ends_) return;
    do_work(rank);
    if (n_working_.fetch_sub(1) == 1) n_working_.notify_all();
  }
}

void Workers::do_work(int rank) noexcept {
  try {
    (*work_)({rank, n_, &barrier_});
  } catch (...) {
    {
      std::lock_guard const lock(failure_.mutex);
      if (!failure_.first) failure_.first = std::current_exception();
    }
    barrier_.abandon();
  }
}

void Workers::run(std::function<void(Member const&)> const& work) {
  work_ = &work;
  if (n_ > 1) {
    n_working_.store(n_ - 1);
    job_.fetch_add(1);
    job_.notify_all();
  }
  do_work(0);
  for (int left = n_working_.load(std::memory_order_acquire); left > 0;
       left = n_working_.load(std::memory_order_acquire))
    wait_while(n_working_, left);
  if (auto const failure = std::exchange(failure_.first, nullptr)) {
    barrier_.reset();
    std::rethrow_exception(failure);
  }
}

}  // namespace polytask::engine
