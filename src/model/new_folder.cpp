#include "model/new_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "base/file.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = ".polytask-new-";
constexpr std::string_view kSuffix = ".part";

Error unavailable(fs::path const& path, char const* action) {
  int const reason = errno;
  return {
      ErrorCode::Unavailable,
      fmt::format("{}: cannot be {} ({}); free some space or check the folder's permissions, then run the same command "
                  "again",
                  path.string(), action, std::strerror(reason))};
}

enum class Locked { Yes, No, NotHere };

/// A folder, opened and perhaps locked.
struct Lock {
  Locked state = Locked::No;  ///< No: another process has it, or it is gone; NotHere: this file system has no locks
  int descriptor = -1;
};

Lock lock(fs::path const& folder) {
  int const descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return {};
  int const reason = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  struct stat opened {};
  struct stat named {};
  // Between the two calls another process may have taken the folder for one left behind, and removed it.
  if (reason == 0 && ::fstat(descriptor, &opened) == 0 && ::lstat(folder.c_str(), &named) == 0 &&
      opened.st_ino == named.st_ino)
    return {Locked::Yes, descriptor};
  ::close(descriptor);
  return {reason == ENOLCK || reason == EOPNOTSUPP || reason == EINVAL ? Locked::NotHere : Locked::No, -1};
}

/// A lock ends with its process, however that ends: what can be locked is nobody's.
void remove_left_behind(fs::path const& parent) {
  std::error_code ignored;
  for (auto const& entry : fs::directory_iterator(parent, ignored)) {
    auto const name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    auto const held = lock(entry.path());
    if (held.state != Locked::Yes) continue;
    fs::remove_all(entry.path(), ignored);
    ::close(held.descriptor);
  }
}

}  // namespace

fs::path new_folder_name(fs::path const& folder) {
  auto target = folder.lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  auto const name = target.filename();
  if (name.empty() || name == "." || name == "..")
    throw Error(ErrorCode::InvalidUsage,
                fmt::format("{}: cannot be made; expected the name of a new folder", quote(folder.string())));
  return target;
}

NewFolder::NewFolder(fs::path target) : target_(std::move(target)) {
  auto const parent = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  make_folders(parent);
  remove_left_behind(parent);
  constexpr int kMostNames = 1'000;
  for (int n = 0; n < kMostNames; ++n) {
    unfinished_ = parent / fmt::format("{}{}-{}{}", kPrefix, ::getpid(), n, kSuffix);
    if (::mkdir(unfinished_.c_str(), 0755) != 0) {
      if (errno == EEXIST) continue;
      throw unavailable(unfinished_, "made");
    }
    auto const held = lock(unfinished_);
    lock_ = held.descriptor;
    if (held.state != Locked::No) return;
  }
  throw Error(ErrorCode::Unavailable,
              fmt::format("{}: no folder can be made in it; remove its {}* folders", parent.string(), kPrefix));
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  if (!unfinished_.empty()) fs::remove_all(unfinished_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

void NewFolder::commit() {
  for (auto const& entry : fs::recursive_directory_iterator(unfinished_))
    if (entry.is_directory()) sync_folder(entry.path());
  sync_folder(unfinished_);
  // An empty folder that is there already would be replaced by a plain rename.
  int renamed = ::renameat2(AT_FDCWD, unfinished_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE);
  if (renamed != 0 && (errno == EINVAL || errno == ENOSYS))  // a file system that cannot promise it
    renamed = ::rename(unfinished_.c_str(), target_.c_str());
  if (renamed != 0 && (errno == EEXIST || errno == ENOTEMPTY))
    throw Error(ErrorCode::Conflict, fmt::format("{}: another process has made it meanwhile; choose another folder, or "
                                                 "remove it",
                                                 target_.string()));
  if (renamed != 0) throw unavailable(target_, "put in place");
  unfinished_.clear();
  sync_folder(target_.has_parent_path() ? target_.parent_path() : fs::path("."));
}

}  // namespace polytask::model
