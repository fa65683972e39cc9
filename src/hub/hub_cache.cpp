#include "hub/hub_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "hub/encoder_files.h"

namespace polytask::hub {

namespace fs = std::filesystem;

namespace {

std::string folder_name(HubName const& name) {
  auto const slash = name.name.find('/');
  return "models--" + name.name.substr(0, slash) + "--" + name.name.substr(slash + 1);
}

[[noreturn]] void fail(fs::path const& path, char const* action, int reason) {
  throw Error(ErrorCode::Unavailable,
              fmt::format("{}: cannot be {} ({}); free some space or check the folder's permissions, or name another "
                          "folder in HF_HUB_CACHE, then run the same command again",
                          path.string(), action, std::strerror(reason)));
}

}  // namespace

HubCache::HubCache(fs::path const& cache, HubName const& name)
    : model_(cache / folder_name(name)), locks_(cache / ".locks" / folder_name(name)), revision_(name.revision) {}

std::optional<std::string> HubCache::commit() const {
  if (is_commit(revision_)) return revision_;
  try {
    auto text = read_file(model_ / "refs" / revision_, 1'000);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    if (is_commit(text)) return text;
  } catch (Error const&) {  // then the hub has to be asked
  }
  return std::nullopt;
}

void HubCache::write_commit(std::string const& commit) const {
  if (revision_ != commit) write_file_atomically(model_ / "refs" / revision_, commit);
}

std::optional<RepositoryFiles> HubCache::tree(std::string const& commit) const {
  auto const path = model_ / "trees" / (commit + ".json");
  try {
    auto files = parse_stored_tree(read_file(path, kLargestAnswer), path.string());
    if (files) return std::move(files).value();
  } catch (Error const&) {  // it can be had again
  }
  return std::nullopt;
}

void HubCache::write_tree(std::string const& commit, RepositoryFiles const& files) const {
  write_file_atomically(model_ / "trees" / (commit + ".json"), stored_tree(files));
}

bool HubCache::has(std::string const& commit, std::string const& file, std::optional<std::uint64_t> size) const {
  std::error_code absent;
  auto const path = snapshot(commit) / file;
  if (!fs::is_regular_file(path, absent)) return false;
  return !size || (fs::file_size(path, absent) == *size && !absent);
}

bool HubCache::has_blob(RepositoryFile const& file) const {
  std::error_code absent;
  auto const path = blob(file.etag());
  return fs::is_regular_file(path, absent) && fs::file_size(path, absent) == file.size && !absent;
}

void HubCache::link(std::string const& commit, std::string const& file, RepositoryFile const& content) const {
  auto const path = snapshot(commit) / file;
  make_folders(path.parent_path());
  auto const target = fs::path("..") / ".." / "blobs" / content.etag();
  if (::symlink(target.c_str(), path.c_str()) == 0) return sync_folder(path.parent_path());
  if (errno == EEXIST) {
    if (has(commit, file, content.size)) return;  // another process was first
    // A link that leads nowhere. The name of the new one has to be nobody else's.
    make_folders(locks_);
    auto const beside = locks_ / fmt::format("{}.{}.link", content.etag(), ::getpid());
    ::unlink(beside.c_str());
    if (::symlink(target.c_str(), beside.c_str()) == 0 && ::rename(beside.c_str(), path.c_str()) == 0)
      return sync_folder(path.parent_path());
  }
  int const reason = errno;
  // Some file systems have no links; then the content itself lies in the snapshot, as huggingface_hub has it there.
  if ((reason == EPERM || reason == EOPNOTSUPP || reason == ENOSYS) &&
      ::rename(blob(content.etag()).c_str(), path.c_str()) == 0)
    return sync_folder(path.parent_path());
  fail(path, "put in place", reason);
}

namespace {

/// With a listing, or what lies there where there is none.
bool is_there_whole(HubCache const& cache, std::string const& commit, std::optional<RepositoryFiles> const& tree,
                    std::vector<std::string> const& names) {
  for (auto const& name : names) {
    std::optional<std::uint64_t> size;
    if (tree) {
      auto const found = tree->find(name);
      if (found == tree->end()) return false;
      size = found->second.size;
    }
    if (!cache.has(commit, name, size)) return false;
  }
  return true;
}

}  // namespace

std::optional<CachedEncoder> find_encoder(HubCache const& cache) {
  auto const commit = cache.commit();
  if (!commit) return std::nullopt;
  auto const tree = cache.tree(*commit);
  auto const files = encoder_files(
      [&](std::string const& name) { return tree ? tree->contains(name) : cache.has(*commit, name, std::nullopt); });
  if (!files.lack.empty() || !is_there_whole(cache, *commit, tree, files.read)) return std::nullopt;
  CachedEncoder encoder{.folder = cache.snapshot(*commit), .commit = *commit};
  if (files.read.back() == kWeightsIndex) {
    auto const path = encoder.folder / kWeightsIndex;
    auto const shards = shards_of(read_file(path, largest_size(kWeightsIndex)), path.string());
    if (!shards || !is_there_whole(cache, *commit, tree, {shards->begin(), shards->end()})) return std::nullopt;
  }
  // Beside a tokenizer.json nothing else decides. Beside a vocab.txt the absence of a file may.
  encoder.is_whole = tree ? is_there_whole(cache, *commit, tree, files.beside)
                          : cache.has(*commit, "tokenizer.json", std::nullopt) ||
                                cache.has(*commit, "tokenizer_config.json", std::nullopt);
  return encoder;
}

FileLock::FileLock(fs::path const& path, std::function<bool(std::chrono::milliseconds)> const& pause,
                   std::function<void()> const& on_waiting) {
  constexpr std::chrono::milliseconds kPause{200};
  make_folders(path.parent_path());
  bool has_said_it = false;
  while (true) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0664);
    if (descriptor_ < 0) fail(path, "opened for writing", errno);
    int const reason = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    struct stat held {};
    struct stat named {};
    // Whoever held it may have removed the file: then what we hold is nobody's lock.
    bool const is_it = ::fstat(descriptor_, &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
                       held.st_ino == named.st_ino && held.st_dev == named.st_dev;
    if (reason == 0 && is_it) return;
    ::close(descriptor_);
    if (reason == 0 || reason == EINTR) continue;
    if (reason != EWOULDBLOCK) fail(path, "locked", reason);
    if (!has_said_it && on_waiting) on_waiting();
    has_said_it = true;
    if (!pause(kPause))
      throw Error(ErrorCode::Interrupted, fmt::format("{}: stopped while another process held it", path.string()));
  }
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace polytask::hub
