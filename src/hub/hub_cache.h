// Models of the hub on disk, in the layout that huggingface_hub gives them: what it has downloaded is used, and it uses
// what we have.
//   models--OWNER--NAME/refs/<revision>              the commit of a branch or tag
//                       trees/<commit>.json          all files of a commit, with sizes and hashes
//                       snapshots/<commit>/<file>    a link to
//                       blobs/<hash of the content>
//   .locks/models--OWNER--NAME/<hash>.lock           held by whoever downloads that blob
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hub/hub_name.h"
#include "hub/repository.h"

namespace polytask::hub {

class HubCache {
 public:
  HubCache(std::filesystem::path const& cache, HubName const& name);

  [[nodiscard]] std::filesystem::path snapshot(std::string const& commit) const {
    return model_ / "snapshots" / commit;
  }
  [[nodiscard]] std::filesystem::path blob(std::string const& etag) const { return model_ / "blobs" / etag; }
  [[nodiscard]] std::filesystem::path lock(std::string const& etag) const { return locks_ / (etag + ".lock"); }
  [[nodiscard]] std::filesystem::path const& folder() const { return model_; }

  /// Of the revision, as far as it was asked for before.
  [[nodiscard]] std::optional<std::string> commit() const;
  void write_commit(std::string const& commit) const;
  /// The listing of a commit; nothing where there is none that can be read.
  [[nodiscard]] std::optional<RepositoryFiles> tree(std::string const& commit) const;
  void write_tree(std::string const& commit, RepositoryFiles const& files) const;
  /// Whether a snapshot holds the file, in full size where that is known.
  [[nodiscard]] bool has(std::string const& commit, std::string const& file, std::optional<std::uint64_t> size) const;
  [[nodiscard]] bool has_blob(RepositoryFile const& file) const;
  /// Makes a file of the snapshot of a blob that is whole.
  void link(std::string const& commit, std::string const& file, RepositoryFile const& content) const;

 private:
  std::filesystem::path model_;
  std::filesystem::path locks_;
  std::string revision_;
};

/// An encoder that can be read from where it lies.
struct CachedEncoder {
  std::filesystem::path folder;  ///< its snapshot
  std::string commit;
  /// Whether a listing of the commit, or the files themselves, say that nothing of it is missing.
  bool is_whole = false;
};

/// What the cache has for the name, without a network; nothing where a file that is read is missing.
[[nodiscard]] std::optional<CachedEncoder> find_encoder(HubCache const& cache);

/// Held by one process at a time, and let go however it ends.
class FileLock {
 public:
  /// Waits for another process; `pause` as in HubEvents, `on_waiting` once. Throws Error{Interrupted, Unavailable}.
  FileLock(std::filesystem::path const& path, std::function<bool(std::chrono::milliseconds)> const& pause,
           std::function<void()> const& on_waiting);
  ~FileLock();
  FileLock(FileLock const&) = delete;
  FileLock& operator=(FileLock const&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace polytask::hub
