#include "cli/row_queue.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "base/error.h"

namespace polytask::cli {
namespace {

constexpr std::size_t kReadAhead = 256;

}  // namespace

StoppableInput::StoppableInput(int descriptor) : descriptor_(descriptor), wake_(::eventfd(0, EFD_CLOEXEC)) {
  if (wake_ < 0)
    throw Error(ErrorCode::Unavailable, fmt::format("the input cannot be watched ({})", std::strerror(errno)));
}

StoppableInput::~StoppableInput() { ::close(wake_); }

void StoppableInput::stop() noexcept {
  std::uint64_t const one = 1;
  [[maybe_unused]] auto const written = ::write(wake_, &one, sizeof one);  // it only fails when it is set already
}

StoppableInput::int_type StoppableInput::underflow() {
  while (true) {
    std::array<pollfd, 2> watched{{{descriptor_, POLLIN, 0}, {wake_, POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category());  // the stream becomes bad()
    if (watched[1].revents != 0) return traits_type::eof();
    if (watched[0].revents == 0) continue;
    auto const n = ::read(descriptor_, buffer_.data(), buffer_.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) throw std::system_error(errno, std::generic_category());
    if (n == 0) return traits_type::eof();
    setg(buffer_.data(), buffer_.data(), buffer_.data() + n);
    return traits_type::to_int_type(buffer_[0]);
  }
}

RowQueue::RowQueue(std::unique_ptr<data::RowReader> reader, std::function<void()> end_reading)
    : reader_(std::move(reader)),
      end_reading_(std::move(end_reading)),
      thread_([this](std::stop_token const& stop) { fill(stop); }) {}

RowQueue::~RowQueue() {
  {
    // Under the lock: between its look at the token and its wait the thread would miss the call.
    std::lock_guard const lock(shared_.mutex);
    thread_.request_stop();
    shared_.changed.notify_all();
  }
  if (end_reading_) end_reading_();
}

std::vector<NumberedRow> RowQueue::take(std::size_t at_most) {
  auto& [mutex, changed, rows, failure, has_ended] = shared_;
  std::unique_lock lock(mutex);
  changed.wait(lock, [&rows = rows, &has_ended = has_ended] { return !rows.empty() || has_ended; });
  if (rows.empty() && failure) std::rethrow_exception(failure);
  std::vector<NumberedRow> taken;
  while (!rows.empty() && taken.size() < at_most) {
    taken.push_back(std::move(rows.front()));
    rows.pop_front();
  }
  changed.notify_all();
  return taken;
}

void RowQueue::fill(std::stop_token const& stop) {
  std::exception_ptr reason;
  try {
    std::size_t number = 0;
    while (auto row = reader_->next()) {
      std::unique_lock lock(shared_.mutex);
      shared_.changed.wait(lock, [&] { return shared_.rows.size() < kReadAhead || stop.stop_requested(); });
      if (stop.stop_requested()) return;
      shared_.rows.push_back({++number, std::move(*row)});
      shared_.changed.notify_all();
    }
  } catch (...) {
    reason = std::current_exception();
  }
  std::lock_guard const lock(shared_.mutex);
  shared_.failure = reason;
  shared_.has_ended = true;
  shared_.changed.notify_all();
}

}  // namespace polytask::cli
