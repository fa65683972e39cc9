// An encoder by its name on the hub: out of the cache, or downloaded into it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "hub/http_transport.h"
#include "hub/hub_cache.h"
#include "hub/hub_name.h"
#include "hub/hub_settings.h"

namespace polytask::hub {

struct FetchPlan {
  struct File {
    std::string name;
    std::uint64_t size = 0;       ///< bytes
    std::uint64_t n_present = 0;  ///< of them, from an earlier call
  };
  HubName name;
  std::string commit;
  std::string endpoint;       ///< as it may be shown
  std::vector<File> files;    ///< that are downloaded, in this order
  std::uint64_t n_bytes = 0;  ///< that have to come
};

struct FetchProgress {
  std::string file;
  std::uint64_t n_done = 0;   ///< bytes of the plan that have come
  std::uint64_t n_total = 0;  ///< the plan's
};

struct FetchEvents : HubEvents {
  /// Before anything large is downloaded.
  std::function<void(FetchPlan const& plan)> on_plan;
  std::function<void(FetchProgress const& progress)> on_progress;
  /// A look at the configuration, before anything large is downloaded; what it throws ends the work.
  std::function<void(std::filesystem::path const& config_json)> on_config;
};

/// Asks nobody where the cache has all of it; only then is the transport used. A branch or tag that was asked for
/// before stands for the commit that it had then. Where the hub cannot be reached, what the cache has is used, and
/// said. Throws Error{NotFound} (no such name or revision, no access, offline), Error{InvalidInput} (no encoder, or
/// weights as a pickle alone), Error{Unavailable, Corrupt, Interrupted}.
[[nodiscard]] CachedEncoder fetch_encoder(HubName const& name, HubSettings const& settings, HttpTransport& transport,
                                          FetchEvents const& events);

}  // namespace polytask::hub
