// One file of a model from the hub into the cache: gone on with where it broke off, checked, and put in place whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hub/hub_cache.h"
#include "hub/hub_client.h"

namespace polytask::hub {

struct BlobDownload {
  HubName name;
  std::string commit;
  std::string file;
  RepositoryFile content;
};

/// Bytes of the file that are here.
using OnBytes = std::function<void(std::uint64_t n_bytes)>;

/// What an earlier call left of it.
[[nodiscard]] std::uint64_t bytes_of_partial(HubCache const& cache, RepositoryFile const& content);

/// Nothing where the blob is there already, or another process brings it meanwhile. What was received survives every
/// end of the process; it takes its name only when size and hash are those of the listing. Throws Error{Corrupt} for
/// another content, which is removed; Error{Unavailable, Interrupted} keeping what is there.
void download_blob(BlobDownload const& wanted, HubClient& client, HubCache const& cache, HubEvents const& events,
                   OnBytes const& on_bytes);

}  // namespace polytask::hub
