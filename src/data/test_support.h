// What tests of stored states do to the process that they run in.
#pragma once

#include <sys/resource.h>

#include <csignal>

namespace polytask::data::test_support {

/// A soft limit of the process while this lives. A file that would exceed RLIMIT_FSIZE fails to be written, as on a
/// full disk.
class Limited {
 public:
  using Resource = decltype(RLIMIT_NOFILE);
  Limited(Resource resource, rlim_t most) : resource_(resource), before_action_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(resource_, &before_);
    auto lower = before_;
    lower.rlim_cur = most;
    ::setrlimit(resource_, &lower);
  }
  ~Limited() {
    ::setrlimit(resource_, &before_);
    std::signal(SIGXFSZ, before_action_);
  }
  Limited(Limited const&) = delete;
  Limited& operator=(Limited const&) = delete;

 private:
  Resource resource_;
  struct rlimit before_ {};
  void (*before_action_)(int);
};

}  // namespace polytask::data::test_support
