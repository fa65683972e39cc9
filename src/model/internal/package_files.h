// Files of a folder that somebody else may have made: found without following links, hashed and copied.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace polytask::model {

/// A path inside a package: one to four names of letters, digits, ".", "_" and "-", not of dots alone, joined by "/".
/// So it is relative and stays inside.
[[nodiscard]] bool is_package_path(std::string_view path);

/// The regular files under `folder` by relative path, and their sizes. Throws Error{InvalidInput} naming the entry that
/// is a link, has another name elsewhere (a hard link), is a device or pipe, or lies too deep; for too many entries.
[[nodiscard]] std::map<std::string, std::uintmax_t> list_package_files(std::filesystem::path const& folder);

/// One file of `folder`, opened without following a link in any of the names of `path`. Throws as list_package_files
/// does, and Error{NotFound}.
class PackageFile {
 public:
  PackageFile(std::filesystem::path const& folder, std::string const& path);
  ~PackageFile();
  PackageFile(PackageFile const&) = delete;
  PackageFile& operator=(PackageFile const&) = delete;

  /// Up to 1 MiB of what follows; empty at the end. Throws Error{Unavailable}.
  [[nodiscard]] std::string_view next();
  /// What is left. Throws Error{InvalidInput} where that is more than `max_bytes`.
  [[nodiscard]] std::string rest(std::uintmax_t max_bytes);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::string buffer_;
};

/// SHA-256 of one file.
[[nodiscard]] std::string hash_package_file(std::filesystem::path const& folder, std::string const& path);

}  // namespace polytask::model
