// `polytask-hub OWNER/NAME@REVISION`: brings an encoder into the cache and prints, as JSON, where it lies, or what went
// wrong. Started by the verbs that meet a name which the cache does not have; they themselves have no network.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <iostream>
#include <new>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/hub/download_progress.h"
#include "cli/hub_environment.h"
#include "hub/curl_transport.h"
#include "hub/encoder_fetch.h"
#include "model/encoder_config.h"

namespace {

using namespace polytask;

std::atomic<bool> is_stopped = false;

void stop(int /*signal*/) { is_stopped = true; }

/// False when it is to stop.
bool pause(std::chrono::milliseconds time) {
  auto const end = std::chrono::steady_clock::now() + time;
  while (!is_stopped) {
    auto const left = std::chrono::duration_cast<std::chrono::nanoseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    constexpr long kPiece = 100'000'000;
    timespec const piece{.tv_sec = 0, .tv_nsec = std::min<long>(left.count(), kPiece)};
    ::nanosleep(&piece, nullptr);
  }
  return false;
}

OrderedJson fetched(std::string const& word) {
  auto const name = hub::parse_hub_name(word).value();
  auto const environment = cli::environment_of_process();
  auto const settings = cli::hub_settings(environment);
  hub::CurlTransport transport(cli::trusted_certificates(environment), [] { return is_stopped.load(); });
  cli::DownloadProgress progress(settings.cache);
  hub::FetchEvents events;
  events.on_note = [&](std::string const& sentence) { progress.note(sentence); };
  events.pause = pause;
  events.on_plan = [&](hub::FetchPlan const& plan) { progress.show(plan); };
  events.on_progress = [&](hub::FetchProgress const& now) { progress.show(now); };
  events.on_config = [](std::filesystem::path const& path) { (void)model::read_encoder_config(path.parent_path()); };
  auto const encoder = hub::fetch_encoder(name, settings, transport, events);
  progress.finish();
  return {{"folder", encoder.folder.string()}, {"commit", encoder.commit}};
}

OrderedJson refused(ErrorCode code, std::string const& message) {
  return {{"code", static_cast<int>(code)}, {"message", message}};
}

}  // namespace

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // nobody would want it any more
  struct sigaction action {};
  action.sa_handler = stop;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like a full disk
  std::signal(SIGPIPE, SIG_IGN);
  OrderedJson answer;
  int code = 0;
  try {
    if (argc != 2) throw Error(ErrorCode::InvalidUsage, "polytask-hub: expected one name, OWNER/NAME@REVISION");
    answer = fetched(argv[1]);
  } catch (Error const& error) {
    answer = refused(error.code(), error.what());
    code = exit_code(error.code());
  } catch (std::bad_alloc const&) {
    answer = refused(ErrorCode::Unavailable, "the memory is not enough to download an encoder");
    code = exit_code(ErrorCode::Unavailable);
  } catch (std::filesystem::filesystem_error const& error) {
    answer =
        refused(ErrorCode::Unavailable, fmt::format("{}: cannot be looked at ({}); check the path and its permissions",
                                                    error.path1().string(), error.code().message()));
    code = exit_code(ErrorCode::Unavailable);
  }
  std::cout << answer.dump(-1, ' ', true, OrderedJson::error_handler_t::replace) << '\n' << std::flush;
  return code;
}
