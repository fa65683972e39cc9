#include "cli/torch/workers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "base/error.h"
#include "base/file.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

// What a copy is told in its environment: "leader's process id:rank:size:file to meet in".
constexpr auto kVariable = "POLYTASK_WORKER";

std::optional<std::string> variable(char const* name) {
  char const* const value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

int next_number(std::string_view& text) {
  int number = -1;
  auto const read = std::from_chars(text.data(), text.data() + text.size(), number);
  auto const n = static_cast<std::size_t>(read.ptr - text.data());
  if (read.ec != std::errc() || n >= text.size() || text[n] != ':')
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("the variable {} is set by `polytask train --workers`; unset it", kVariable));
  text.remove_prefix(n + 1);
  return number;
}

train::ProcessPlace place_in(std::string_view text) {
  int const leader = next_number(text);
  train::ProcessPlace place;
  place.rank = next_number(text);
  place.size = place.n_here = next_number(text);
  place.file = text;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != leader) std::_Exit(exit_code(ErrorCode::Interrupted));  // it went before the line above
  return place;
}

/// The command that this process was started with.
std::vector<std::string> own_arguments() {
  auto const bytes = read_file("/proc/self/cmdline", std::uintmax_t{1} << 22);
  std::vector<std::string> arguments;
  for (std::size_t at = 0; at < bytes.size();) {
    auto const end = std::min(bytes.find('\0', at), bytes.size());
    arguments.push_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  return arguments;
}

}  // namespace

std::optional<train::ProcessPlace> place_of_this_process() {
  if (auto const told = variable(kVariable)) return place_in(*told);
  auto place = train::place_from(variable);
  return place && place->size > 1 ? place : std::nullopt;
}

int n_processes_here() {
  auto const place = place_of_this_process();
  return place ? place->n_here : 1;
}

Workers::Workers(int n) {
  auto name = (fs::temp_directory_path() / "polytask-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw Error(ErrorCode::Unavailable, fmt::format("{}: no folder can be made for the workers to meet in ({})",
                                                    fs::temp_directory_path().string(), std::strerror(errno)));
  folder_ = name;
  place_ = {.rank = 0, .size = n, .n_here = n, .file = folder_ / "meeting"};
  auto words = own_arguments();
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  auto const executable = fs::canonical("/proc/self/exe").string();
  for (int rank = 1; rank < n; ++rank) start(rank, executable.c_str(), arguments);
  watcher_ = std::jthread([this](std::stop_token const& done) { watch(done); });
}

void Workers::start(int rank, char const* executable, std::vector<char*> const& arguments) {
  auto told = fmt::format("{}={}:{}:{}:{}", kVariable, ::getpid(), rank, place_.size, place_.file.string());
  std::vector<char*> environment{told.data()};
  for (char** each = ::environ; *each != nullptr; ++each) environment.push_back(*each);
  environment.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);  // the leader speaks for all
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  pid_t process = 0;
  int const failed = ::posix_spawn(&process, executable, &files, nullptr, arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&files);
  if (failed != 0)
    throw Error(ErrorCode::Unavailable, fmt::format("worker {} cannot be started ({})", rank, std::strerror(failed)));
  running_.push_back(process);
}

void Workers::watch(std::stop_token const& done) {
  constexpr auto kPause = std::chrono::milliseconds(50);
  while (!done.stop_requested() && !has_joined_) {
    for (auto const process : running_)
      if (siginfo_t end{}; ::waitid(P_PID, static_cast<id_t>(process), &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                           end.si_pid == process && !has_joined_) {
        std::cerr << fmt::format(
            "error: a worker ended before the training began ({} {}); train with fewer --workers, "
            "or without\n",
            end.si_code == CLD_EXITED ? "exit code" : "signal", end.si_status);
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
        std::_Exit(exit_code(ErrorCode::Unavailable));
      }
    std::this_thread::sleep_for(kPause);
  }
}

Workers::~Workers() {
  watcher_ = {};
  constexpr auto kPause = std::chrono::milliseconds(20);
  auto const patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  for (auto const process : running_) {
    while (::waitpid(process, nullptr, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > patience) ::kill(process, SIGKILL);
      std::this_thread::sleep_for(kPause);
    }
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace polytask::cli
