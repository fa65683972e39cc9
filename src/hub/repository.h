// What the hub's programming interface says of a model: the commit of a revision, and its files with their sizes and
// hashes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polytask::hub {

/// The most bytes of an answer that are read.
inline constexpr std::size_t kLargestAnswer = std::size_t{32} << 20;

struct RepositoryFile {
  std::uint64_t size = 0;  ///< bytes of the content
  std::string git_sha1;    ///< of the git object: of the content, or of the pointer to a large file
  std::string sha256;      ///< of the content of a large file; empty for a small one
  /// How the cache calls it: the hash of its content.
  [[nodiscard]] std::string const& etag() const { return sha256.empty() ? git_sha1 : sha256; }
  friend bool operator==(RepositoryFile const&, RepositoryFile const&) = default;
};

/// By path. Every path stays inside: no "..", no absolute one, no control characters.
using RepositoryFiles = std::map<std::string, RepositoryFile>;

/// The commit in the answer of `/api/models/NAME/revision/REVISION`. Fails with Corrupt, saying what is wrong, for what
/// is no such answer; `where` starts the message, here and below.
[[nodiscard]] Result<std::string> parse_commit(std::string_view json, std::string_view where);

/// The files in one answer of `/api/models/NAME/tree/COMMIT`; folders are left out.
[[nodiscard]] Result<RepositoryFiles> parse_tree(std::string_view json, std::string_view where);

/// The target of `Link: <...>; rel="next"`, where the listing goes on; nothing where it is whole.
[[nodiscard]] std::optional<std::string> next_page(std::string_view link_header);

/// The listing as huggingface_hub stores it beside the snapshots, `trees/COMMIT.json`.
[[nodiscard]] std::string stored_tree(RepositoryFiles const& files);
/// Back again. Fails for another format.
[[nodiscard]] Result<RepositoryFiles> parse_stored_tree(std::string_view json, std::string_view where);

}  // namespace polytask::hub
