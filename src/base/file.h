// Whole files, written so that a reader sees the old or the new content and never a half.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace polytask {

/// Throws Error{NotFound} when the file is absent, InvalidInput when it is larger than `max_bytes`, is a folder or may
/// not be read.
[[nodiscard]] std::string read_file(std::filesystem::path const& path, std::uintmax_t max_bytes = 1ull << 32);

/// Whether anything has this name: a file, a folder, a link that leads nowhere. Not there and not to be looked at are
/// the same here; never throws.
[[nodiscard]] bool is_there(std::filesystem::path const& path) noexcept;

/// Writes beside `path`, flushes to the disk, renames over it and flushes the folder: survives kill -9 and power loss.
/// Missing parent folders are made. Throws Error{Unavailable} (a full disk, no permission) and leaves `path` as it was.
void write_file_atomically(std::filesystem::path const& path, std::string_view bytes);

/// A file written piece by piece that appears under its name only at `commit()`; without it nothing is left behind.
/// Links are followed. A pipe or a device gets the bytes as they are written and stays what it is.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(AtomicFile const&) = delete;
  AtomicFile& operator=(AtomicFile const&) = delete;

  /// Throws Error{Unavailable} with the system's reason.
  void write(std::string_view bytes);
  /// Flushes to the disk and renames into place. Throws Error{Unavailable}.
  void commit();

 private:
  [[noreturn]] void fail(char const* action) const;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// Flushes a folder's entries to the disk, so that a rename inside it is durable.
void sync_folder(std::filesystem::path const& folder);

/// Makes the folder and its parents. Throws Error{Unavailable} with the system's reason.
void make_folders(std::filesystem::path const& folder);

}  // namespace polytask
