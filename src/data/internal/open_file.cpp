#include "data/internal/open_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace polytask::data {

namespace fs = std::filesystem;

void fail_with_errno(fs::path const& path, char const* action) {
  int const reason = errno;
  throw Error(ErrorCode::Unavailable,
              fmt::format("{}: cannot be {} ({}); free some space or check the permissions, then run the same command "
                          "again",
                          path.string(), action, std::strerror(reason)));
}

void remove_file(fs::path const& path) {
  std::error_code failed;
  fs::remove(path, failed);
  if (failed)
    throw Error(ErrorCode::Unavailable,
                fmt::format("{}: cannot be removed ({}); check the permissions", path.string(), failed.message()));
}

OpenFile::OpenFile(fs::path path, int flags) : path_(std::move(path)) {
  // Nobody but a store writes here: what is a link or a pipe was put there, and leads to what is somebody else's.
  descriptor_ = ::open(path_.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
  struct stat status {};
  if (descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode)) return;
  if (descriptor_ >= 0 || errno == ELOOP || errno == ENXIO || errno == EISDIR) {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    throw Error(ErrorCode::Unavailable,
                fmt::format("{}: is no file, but a link, a folder, a pipe or a device; remove it, or the whole folder",
                            path_.string()));
  }
  if (errno == ENOENT && (flags & O_CREAT) == 0)
    throw Error(ErrorCode::NotFound, fmt::format("{}: is not there", path_.string()));
  fail_with_errno(path_, "opened");
}

OpenFile::OpenFile(OpenFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

OpenFile::~OpenFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint64_t OpenFile::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail_with_errno(path_, "looked at");
  return static_cast<std::uint64_t>(status.st_size);
}

std::optional<std::size_t> OpenFile::read_at(std::uint64_t offset, void* bytes, std::size_t n_bytes) const {
  std::size_t n_read = 0;
  while (n_read < n_bytes) {
    auto const n =
        ::pread(descriptor_, static_cast<char*>(bytes) + n_read, n_bytes - n_read, static_cast<off_t>(offset + n_read));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    n_read += static_cast<std::size_t>(n);
  }
  return n_read;
}

std::string OpenFile::read_all(std::uint64_t most_bytes) const {
  auto const n_bytes = size();
  if (n_bytes > most_bytes)
    throw Error(ErrorCode::Corrupt, fmt::format("{}: is larger than {} bytes", path_.string(), most_bytes));
  std::string bytes(n_bytes, '\0');
  auto const n_read = read_at(0, bytes.data(), bytes.size());
  if (!n_read) fail_with_errno(path_, "read");
  bytes.resize(*n_read);
  return bytes;
}

void OpenFile::write_at(std::uint64_t offset, void const* bytes, std::size_t n_bytes) const {
  std::size_t n_written = 0;
  while (n_written < n_bytes) {
    auto const n = ::pwrite(descriptor_, static_cast<char const*>(bytes) + n_written, n_bytes - n_written,
                            static_cast<off_t>(offset + n_written));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with_errno(path_, "written");
    n_written += static_cast<std::size_t>(n);
  }
}

void OpenFile::cut_to(std::uint64_t n_bytes) const {
  if (::ftruncate(descriptor_, static_cast<off_t>(n_bytes)) != 0) fail_with_errno(path_, "cut");
}

void OpenFile::flush() const {
  if (::fdatasync(descriptor_) != 0) fail_with_errno(path_, "flushed to the disk");
}

bool OpenFile::try_lock() const {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return true;
  int const reason = errno;
  if (reason == EWOULDBLOCK || reason == EINTR) return false;
  throw Error(ErrorCode::Unavailable,
              fmt::format("{}: cannot be locked ({}), and without a lock two runs would damage the store; put the "
                          "project on a file system that has locks",
                          path_.string(), std::strerror(reason)));
}

}  // namespace polytask::data
