// Ctrl-C and SIGTERM, as a wish to stop.
#pragma once

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "base/error.h"

namespace polytask::cli {

/// SIGINT and SIGTERM ask for a stop; a thread of its own waits for them, so that no handler has to be careful. They
/// end the process at once while there is nothing to save, and the second time: everything that matters is written
/// atomically, as for a kill.
class StopOnSignal {
 public:
  StopOnSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);  // threads started later inherit it
    waiter_ = std::jthread([this](std::stop_token const& done) {
      timespec const pause{.tv_sec = 0, .tv_nsec = 200'000'000};
      while (!done.stop_requested()) {
        if (sigtimedwait(&signals_, nullptr, &pause) < 0 || follows_) continue;
        if (!may_save_) say("polytask: stopped before the run began; nothing was written\n");
        if (!may_save_ || !source_.request_stop()) std::_Exit(exit_code(ErrorCode::Interrupted));
      }
    });
  }
  /// From now on there is a run that can be resumed.
  void may_save() { may_save_ = true; }
  /// A process that follows another ends when that one does, and the signal has reached both.
  void leave_it_to_the_leader() { follows_ = true; }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  static void say(std::string_view sentence) {
    if (::write(STDERR_FILENO, sentence.data(), sentence.size()) < 0) return;  // nobody listens
  }

  sigset_t signals_{};
  std::atomic<bool> may_save_ = false;
  std::atomic<bool> follows_ = false;
  std::stop_source source_;
  std::jthread waiter_;
};

}  // namespace polytask::cli
