#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace polytask {
namespace fs = std::filesystem;

std::string read_file(fs::path const& path, std::uintmax_t max_bytes) {
  // A pipe would be waited for, perhaps for ever, and one that is no file has no size to be checked.
  int const descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    int const reason = errno;
    throw Error(reason == ENOENT || reason == ENOTDIR ? ErrorCode::NotFound : ErrorCode::InvalidInput,
                fmt::format("{}: cannot be opened ({}); check the path and its permissions", path.string(),
                            std::strerror(reason)));
  }
  struct Closer {
    int descriptor;
    ~Closer() { ::close(descriptor); }
  } const closer{descriptor};
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: is {}; a file was expected", path.string(),
                                                     S_ISDIR(status.st_mode) ? "a folder" : "a pipe or a device"));
  auto const refuse_size = [&] {
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: is larger than {} bytes, the most that is read here", path.string(), max_bytes));
  };
  if (static_cast<std::uintmax_t>(status.st_size) > max_bytes) refuse_size();
  std::string bytes;
  // Grown piece by piece, a large file would be in memory up to three times. What the system says is a hint alone.
  bytes.reserve(static_cast<std::size_t>(status.st_size));
  char buffer[1 << 16];
  while (true) {
    ssize_t const n_bytes = ::read(descriptor, buffer, sizeof buffer);
    if (n_bytes < 0 && errno == EINTR) continue;
    if (n_bytes < 0)
      throw Error(ErrorCode::Unavailable, fmt::format("{}: reading failed ({})", path.string(), std::strerror(errno)));
    if (n_bytes == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(n_bytes));
    if (bytes.size() > max_bytes) refuse_size();
  }
}

void sync_folder(fs::path const& folder) {
  int const descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // some file systems do not let folders be opened; the rename itself has happened
  ::fsync(descriptor);
  ::close(descriptor);
}

void make_folders(fs::path const& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    throw Error(ErrorCode::Unavailable,
                fmt::format("{}: the folder cannot be made ({}); check the path, its permissions and the disk",
                            folder.string(), failed.message()));
}

namespace {

/// What a link names, also where nothing is yet: the link itself is not to be replaced.
fs::path without_links(fs::path path) {
  constexpr int kMostLinks = 40;  // as the system follows
  std::error_code failed;
  for (int i = 0; i < kMostLinks && fs::is_symlink(fs::symlink_status(path, failed)); ++i) {
    auto const target = fs::read_symlink(path, failed);
    if (failed) break;
    path = path.parent_path() / target;  // an absolute target replaces all of it
  }
  return path;
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  std::error_code ignored;
  auto const status = fs::status(path_, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status)) {  // a pipe, a device; opening a folder fails
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail("opened for writing");
    return;
  }
  path_ = without_links(std::move(path_));
  if (path_.has_parent_path()) make_folders(path_.parent_path());
  temporary_ = path_.string() + fmt::format(".{}.part", ::getpid());
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail("created");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(char const* action) const {
  int const reason = errno;
  throw Error(
      ErrorCode::Unavailable,
      fmt::format(
          "{}: cannot be {} ({}); free some space or check the folder's permissions, then run the same command again",
          path_.string(), action, std::strerror(reason)));
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t const n_bytes = ::write(descriptor_, bytes.data(), bytes.size());
    if (n_bytes < 0 && errno == EINTR) continue;
    if (n_bytes < 0) fail("written");
    bytes.remove_prefix(static_cast<std::size_t>(n_bytes));
  }
}

void AtomicFile::commit() {
  bool const is_direct = temporary_.empty();
  if (!is_direct && ::fsync(descriptor_) != 0) fail("flushed to the disk");
  int const descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) fail("closed");
  if (is_direct) return;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("renamed into place");
  temporary_.clear();
  sync_folder(path_.parent_path());
}

bool is_there(fs::path const& path) noexcept {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

void write_file_atomically(fs::path const& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace polytask
