// A folder that appears under its name whole, or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace polytask::model {

/// The name of a new folder without "." and a slash at its end. Throws Error{InvalidUsage} for what names none.
[[nodiscard]] std::filesystem::path new_folder_name(std::filesystem::path const& folder);

/// Made hidden beside its place, locked while it is written. What processes that have died left there is removed first.
/// Until `commit()` nothing is under the name, and without it nothing stays.
class NewFolder {
 public:
  /// Missing parents are made. Throws Error{Unavailable} with the system's reason.
  explicit NewFolder(std::filesystem::path target);
  ~NewFolder();
  NewFolder(NewFolder const&) = delete;
  NewFolder& operator=(NewFolder const&) = delete;

  /// Where the files go until then.
  [[nodiscard]] std::filesystem::path const& path() const noexcept { return unfinished_; }
  /// Flushes every folder to the disk (the files are, when they are written atomically) and renames. Throws
  /// Error{Conflict} where something has come under the name meanwhile, Error{Unavailable}.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path unfinished_;
  int lock_ = -1;
};

}  // namespace polytask::model
