#include "model/internal/new_folder.h"

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

/// The lock of a folder; less than 0 when another process holds it, or the folder is gone.
int lock(fs::path const& folder) {
  int const descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return -1;
  struct stat opened {};
  struct stat named {};
  // Between the two calls another process may have taken the folder for one left behind, and removed it.
  bool const held = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && ::fstat(descriptor, &opened) == 0 &&
                    ::lstat(folder.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
  if (held) return descriptor;
  ::close(descriptor);
  return -1;
}

/// A lock ends with its process, however that ends: what can be locked is nobody's.
void remove_left_behind(fs::path const& parent) {
  std::error_code ignored;
  for (auto const& entry : fs::directory_iterator(parent, ignored)) {
    auto const name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    int const descriptor = lock(entry.path());
    if (descriptor < 0) continue;
    fs::remove_all(entry.path(), ignored);
    ::close(descriptor);
  }
}

}  // namespace

NewFolder::NewFolder(fs::path target) : target_(std::move(target)) {
  auto const parent = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  make_folders(parent);
  remove_left_behind(parent);
  for (int n = 0; lock_ < 0; ++n) {
    unfinished_ = parent / fmt::format("{}{}-{}{}", kPrefix, ::getpid(), n, kSuffix);
    if (::mkdir(unfinished_.c_str(), 0755) == 0)
      lock_ = lock(unfinished_);
    else if (errno != EEXIST)
      throw unavailable(unfinished_, "made");
  }
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
