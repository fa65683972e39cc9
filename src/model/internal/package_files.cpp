#include "model/internal/package_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/hash.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 4;                 // names in a path
constexpr std::size_t kMostFiles = 20'000;  // two for each task, and a few
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

Error refused(fs::path const& path, std::string const& reason) {
  return {ErrorCode::InvalidInput, fmt::format("{}: {}", path.string(), reason)};
}

Error unopened(fs::path const& path, int reason) {
  if (reason == ELOOP)
    return refused(path, "is a symbolic link; a package holds regular files alone, remove it or make the package anew");
  bool const absent = reason == ENOENT;
  return {absent ? ErrorCode::NotFound : ErrorCode::InvalidInput,
          fmt::format("{}: cannot be opened ({})", path.string(), std::strerror(reason))};
}

/// A descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

/// The folder that the user named; a link to it is his own.
Descriptor open_top(fs::path const& folder) {
  Descriptor top(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (top.get() < 0) throw unopened(folder, errno);
  return top;
}

void check_regular(fs::path const& path, struct stat const& status) {
  if (S_ISLNK(status.st_mode)) throw unopened(path, ELOOP);
  if (!S_ISREG(status.st_mode)) throw refused(path, "is no regular file; a package holds nothing else, remove it");
  if (status.st_nlink != 1)
    throw refused(path,
                  "has another name elsewhere (a hard link), so its bytes may change from there; copy the package "
                  "file by file and use the copy");
}

struct Listing {
  fs::path top;
  std::map<std::string, std::uintmax_t> files;
  std::size_t n_entries = 0;
};

void list(Descriptor folder, std::string const& prefix, Listing& listing) {
  struct Closer {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  std::unique_ptr<DIR, Closer> const stream(::fdopendir(folder.get()));
  if (!stream) throw unopened(listing.top / prefix, errno);
  int const descriptor = folder.release();  // the stream closes it
  while (true) {
    errno = 0;
    auto const* entry = ::readdir(stream.get());
    if (entry == nullptr) {
      if (errno != 0) throw unopened(listing.top / prefix, errno);
      return;
    }
    std::string const name = entry->d_name;
    if (name == "." || name == "..") continue;
    auto const path = prefix + name;
    if (!is_package_path(path))
      throw refused(listing.top,
                    fmt::format("holds {}, which no package does (expected names of letters, digits, \".\", "
                                "\"_\" and \"-\", at most {} deep); remove it",
                                quote(path, 200), kDeepest));
    auto const shown = listing.top / path;
    if (++listing.n_entries > kMostFiles)
      throw refused(listing.top, fmt::format("has more than {} files; this is no package", kMostFiles));
    struct stat status {};
    if (::fstatat(descriptor, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) throw unopened(shown, errno);
    if (S_ISDIR(status.st_mode)) {
      Descriptor inner(::openat(descriptor, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (inner.get() < 0) throw unopened(shown, errno);
      list(std::move(inner), path + "/", listing);
      continue;
    }
    check_regular(shown, status);
    listing.files.emplace(path, static_cast<std::uintmax_t>(status.st_size));
  }
}

}  // namespace

bool is_package_path(std::string_view path) {
  constexpr std::size_t kLongestName = 200;
  for (int n_names = 1; n_names <= kDeepest; ++n_names) {
    auto const end = std::min(path.find('/'), path.size());
    auto const name = path.substr(0, end);
    bool const plain = std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
             c == '-';
    });
    if (!plain || name.size() > kLongestName || name.find_first_not_of('.') == name.npos) return false;
    if (end == path.size()) return true;
    path.remove_prefix(end + 1);
  }
  return false;
}

std::map<std::string, std::uintmax_t> list_package_files(fs::path const& folder) {
  Listing listing{.top = folder};
  list(open_top(folder), "", listing);
  return std::move(listing.files);
}

PackageFile::PackageFile(fs::path const& folder, std::string const& path) : path_(folder / path) {
  expects(is_package_path(path), "a path was checked before it is opened");
  auto at = open_top(folder);
  std::string_view rest = path;
  for (auto slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    std::string const name(rest.substr(0, slash));
    at = Descriptor(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (at.get() < 0) throw unopened(path_, errno == ENOTDIR ? ELOOP : errno);  // so it says of a link to a folder
    rest.remove_prefix(slash + 1);
  }
  // A pipe without a writer must not be waited for.
  Descriptor file(::openat(at.get(), std::string(rest).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0) throw unopened(path_, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw unopened(path_, errno);
  check_regular(path_, status);
  descriptor_ = file.release();
}

PackageFile::~PackageFile() { ::close(descriptor_); }

std::string_view PackageFile::next() {
  buffer_.resize(kChunkBytes);
  while (true) {
    auto const n_bytes = ::read(descriptor_, buffer_.data(), buffer_.size());
    if (n_bytes >= 0) return std::string_view(buffer_).substr(0, static_cast<std::size_t>(n_bytes));
    if (errno != EINTR)
      throw Error(ErrorCode::Unavailable, fmt::format("{}: reading failed ({})", path_.string(), std::strerror(errno)));
  }
}

std::string PackageFile::rest(std::uintmax_t max_bytes) {
  std::string bytes;
  for (auto chunk = next(); !chunk.empty(); chunk = next()) {
    bytes += chunk;
    if (bytes.size() > max_bytes)
      throw refused(path_, fmt::format("is larger than {} bytes, the most that is read here", max_bytes));
  }
  return bytes;
}

std::string hash_package_file(fs::path const& folder, std::string const& path) {
  PackageFile file(folder, path);
  Sha256 hash;
  for (auto chunk = file.next(); !chunk.empty(); chunk = file.next()) hash.update(chunk);
  return hash.hex_digest();
}

}  // namespace polytask::model
