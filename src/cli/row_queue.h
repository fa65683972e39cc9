// Rows of an input that may pause, read ahead by a thread: what has arrived is answered without waiting for more.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <streambuf>
#include <thread>
#include <vector>

#include "data/row_reader.h"

namespace polytask::cli {

/// A row, or why there is none, with its place in the input.
struct NumberedRow {
  std::size_t number = 0;  ///< 1-based
  Result<data::Row> row;
};

/// A file descriptor as a stream whose waiting another thread can end. Borrows the descriptor.
class StoppableInput final : public std::streambuf {
 public:
  /// Throws Error{Unavailable}.
  explicit StoppableInput(int descriptor);
  ~StoppableInput() override;
  StoppableInput(StoppableInput const&) = delete;
  StoppableInput& operator=(StoppableInput const&) = delete;

  /// From now on the input has ended, also for a read that waits. Any thread.
  void stop() noexcept;

 private:
  int_type underflow() override;
  int descriptor_;
  int wake_;
  std::array<char, 1 << 16> buffer_;
};

/// One thread takes; the queue's own thread reads.
class RowQueue {
 public:
  /// `end_reading` is called when no more rows are wanted and has to make a read that waits return.
  explicit RowQueue(std::unique_ptr<data::RowReader> reader, std::function<void()> end_reading = {});
  ~RowQueue();
  RowQueue(RowQueue const&) = delete;
  RowQueue& operator=(RowQueue const&) = delete;

  /// Waits for at least one row; empty at the end of the input. Throws what reading threw.
  [[nodiscard]] std::vector<NumberedRow> take(std::size_t at_most);

 private:
  void fill(std::stop_token const& stop);

  std::unique_ptr<data::RowReader> reader_;  ///< of the thread
  std::function<void()> end_reading_;
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<NumberedRow> rows;
    std::exception_ptr failure;
    bool has_ended = false;
  } shared_;
  std::jthread thread_;
};

}  // namespace polytask::cli
