// Where the hub is, what is shown to it, and where its files are kept.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

namespace polytask::hub {

struct HubSettings {
  std::string endpoint = "https://huggingface.co";
  std::filesystem::path cache;       ///< the folder that holds "models--OWNER--NAME"
  std::string token;                 ///< empty = none
  std::chrono::seconds silence{10};  ///< a server that says nothing for so long is given up
  bool offline = false;
  std::string user_agent = "polytask";
};

/// What a long work tells, and asks.
struct HubEvents {
  std::function<void(std::string const& sentence)> on_note;
  /// Waits; false when it is to stop.
  std::function<bool(std::chrono::milliseconds)> pause;
};

}  // namespace polytask::hub
