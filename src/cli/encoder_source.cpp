#include "cli/encoder_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "cli/hub_environment.h"
#include "cli/installation.h"
#include "hub/encoder_files.h"
#include "hub/hub_cache.h"
#include "hub/hub_name.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

/// Ctrl-C goes to the download, which then says how it ended; this process waits for that.
class WithoutInterrupt {
 public:
  WithoutInterrupt() { ::sigaction(SIGINT, &ignored(), &before_); }
  WithoutInterrupt(WithoutInterrupt const&) = delete;
  WithoutInterrupt& operator=(WithoutInterrupt const&) = delete;
  ~WithoutInterrupt() { ::sigaction(SIGINT, &before_, nullptr); }

 private:
  static struct sigaction const& ignored() {
    static struct sigaction const action = [] {
      struct sigaction made {};
      made.sa_handler = SIG_IGN;
      return made;
    }();
    return action;
  }
  struct sigaction before_ {};
};

struct Child {
  pid_t pid = -1;
  int output = -1;
};

Child start(std::string const& word) {
  auto const path = companion_executable("polytask-hub");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw Error(ErrorCode::Unavailable, fmt::format("a pipe cannot be made ({})", std::strerror(errno)));
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&how, &signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  posix_spawnattr_setsigdefault(&how, &signals);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  auto own_name = path.string();
  auto argument = word;
  std::array<char*, 3> arguments{own_name.data(), argument.data(), nullptr};
  Child child{.pid = -1, .output = ends[0]};
  int const failed = ::posix_spawn(&child.pid, path.c_str(), &files, &how, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&how);
  ::close(ends[1]);
  if (failed == 0) return child;
  ::close(ends[0]);
  throw Error(ErrorCode::NotFound,
              fmt::format("{}: cannot be started ({}); it belongs to the installation and is built with libcurl",
                          path.string(), std::strerror(failed)));
}

/// All that the child says, until it has ended.
std::string answer_of(Child const& child, std::stop_token const& stop) {
  std::string answer;
  bool was_told = false;
  while (true) {
    if (stop.stop_requested() && !was_told) {
      ::kill(child.pid, SIGTERM);
      was_told = true;
    }
    pollfd waiting{.fd = child.output, .events = POLLIN, .revents = 0};
    constexpr int kMilliseconds = 200;
    if (::poll(&waiting, 1, kMilliseconds) <= 0) continue;
    std::array<char, 4096> buffer{};
    auto const n = ::read(child.output, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(child.output);
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  return answer;
}

/// `polytask-hub` has the network; this process has none.
EncoderSource download(hub::HubName const& name, fs::path const& folder, std::stop_token const& stop) {
  WithoutInterrupt const waiting;
  auto const word = name.name + "@" + name.revision;
  auto const text = answer_of(start(word), stop);
  auto const answer = parse_json(text, "polytask-hub");
  if (!answer || !answer->is_object() || !(answer->contains("folder") || answer->contains("message")))
    throw Error(ErrorCode::Unavailable,
                fmt::format("{}: the download ended without an answer (was it killed?); run the same command "
                            "again, it goes on where this one stopped",
                            hub::to_string(name)));
  if (answer->contains("message")) {
    auto const code = static_cast<ErrorCode>(answer->at("code").get<int>());
    auto message = answer->at("message").get<std::string>();
    if (code == ErrorCode::NotFound) message += fmt::format("; nor is there a folder {}", folder.string());
    throw Error(code, message);
  }
  return {.folder = answer->at("folder").get<std::string>(),
          .hub = HubOrigin{name.name, answer->at("commit").get<std::string>()}};
}

}  // namespace

EncoderSource encoder_source(std::string const& word, fs::path const& folder,
                             std::function<std::stop_token()> const& on_download) {
  auto const name = hub::parse_hub_name(word);
  std::error_code unknown;
  auto const status = fs::symlink_status(folder, unknown);
  if (fs::exists(status) && name)
    std::cerr << fmt::format("note: encoder {}: the folder {} is used, not a model of that name on the hub\n", word,
                             folder.string());
  // Of a folder that may not be looked at, its reader says so.
  if (status.type() != fs::file_type::not_found) return {.folder = folder, .hub = std::nullopt};
  if (!name)
    throw Error(ErrorCode::NotFound,
                fmt::format("{}: there is no such folder; expected an encoder in Hugging Face layout (config.json, "
                            "model.safetensors, tokenizer.json), or a model of the hub as OWNER/NAME; correct the name",
                            folder.string()));
  auto const found = hub::find_encoder(hub::HubCache(hub_settings(environment_of_process()).cache, *name));
  if (found && found->is_whole) return {.folder = found->folder, .hub = HubOrigin{name->name, found->commit}};
  return download(*name, folder, on_download ? on_download() : std::stop_token());
}

std::string name_of_encoder(fs::path const& folder, std::optional<HubOrigin> const& hub) {
  return hub ? hub->name.substr(hub->name.find('/') + 1) : folder.filename().string();
}

OrderedJson to_json(HubOrigin const& hub) { return {{"name", hub.name}, {"commit", hub.commit}}; }

std::vector<std::string> files_of_encoder(fs::path const& folder) {
  auto files = hub::encoder_files([&](std::string const& name) {
                 std::error_code absent;
                 return fs::is_regular_file(folder / name, absent);
               }).read;
  if (files.empty() || files.back() != hub::kWeightsIndex) return files;
  auto const path = folder / hub::kWeightsIndex;
  // What is wrong with an index, its reader says.
  if (auto const shards = hub::shards_of(read_file(path, hub::largest_size(hub::kWeightsIndex)), path.string()))
    for (auto const& shard : *shards)
      if (is_there(folder / shard)) files.push_back(shard);
  return files;
}

}  // namespace polytask::cli
