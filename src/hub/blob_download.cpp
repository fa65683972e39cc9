#include "hub/blob_download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "hub/internal/content_hash.h"

namespace polytask::hub {
namespace {

namespace fs = std::filesystem;

/// Beside the blob, under the name that huggingface_hub gave it when it still went on with such files.
fs::path partial_of(HubCache const& cache, RepositoryFile const& content) {
  return cache.blob(content.etag()).string() + ".incomplete";
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// First byte and size of the whole in `bytes 100-199/200`.
std::optional<std::pair<std::uint64_t, std::uint64_t>> content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  auto const dash = text.find('-');
  auto const slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == std::string_view::npos || slash == std::string_view::npos)
    return std::nullopt;
  auto const first = number_of(text.substr(kUnit.size(), dash - kUnit.size()));
  auto const size = number_of(text.substr(slash + 1));
  if (!first || !size) return std::nullopt;
  return std::pair(*first, *size);
}

/// The bytes that have come so far, on disk and in the hash.
class PartialFile {
 public:
  PartialFile(fs::path path, RepositoryFile const& content)
      : path_(std::move(path)), content_(content), hash_(new_hash()) {
    make_folders(path_.parent_path());
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail("opened for writing");
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail("looked at");
    if (static_cast<std::uint64_t>(status.st_size) > content_.size)
      start_again();
    else
      read_what_is_there();
    n_found_ = n_bytes_;
  }
  PartialFile(PartialFile const&) = delete;
  PartialFile& operator=(PartialFile const&) = delete;
  ~PartialFile() { ::close(descriptor_); }

  [[nodiscard]] std::uint64_t n_bytes() const { return n_bytes_; }
  /// Bytes that an earlier call left.
  [[nodiscard]] std::uint64_t n_found() const { return n_found_; }

  void append(std::string_view bytes) {
    hash_.update(bytes);
    n_bytes_ += bytes.size();
    while (!bytes.empty()) {
      auto const n = ::write(descriptor_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("written");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  void start_again() {
    if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0) fail("emptied");
    n_bytes_ = n_found_ = 0;
    hash_ = new_hash();
  }

  void remove() const { ::unlink(path_.c_str()); }

  [[nodiscard]] std::string hex_digest() { return hash_.hex_digest(); }

  void put_in_place(fs::path const& blob) const {
    if (::fsync(descriptor_) != 0) fail("flushed to the disk");
    if (::rename(path_.c_str(), blob.c_str()) != 0) fail("renamed into place");
    sync_folder(blob.parent_path());
  }

 private:
  [[nodiscard]] ContentHash new_hash() const {
    return {content_.sha256.empty() ? ContentHash::Kind::GitSha1 : ContentHash::Kind::Sha256, content_.size};
  }

  void read_what_is_there() {
    std::array<char, 1 << 16> buffer{};
    while (true) {
      auto const n = ::read(descriptor_, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("read");
      if (n == 0) return;
      hash_.update({buffer.data(), static_cast<std::size_t>(n)});
      n_bytes_ += static_cast<std::uint64_t>(n);
    }
  }

  [[noreturn]] void fail(char const* action) const {
    int const reason = errno;
    throw Error(
        ErrorCode::Unavailable,
        fmt::format("{}: cannot be {} ({}); free some space or check the folder's permissions, or name another "
                    "folder in HF_HUB_CACHE, then run the same command again: it goes on where this one stopped",
                    path_.string(), action, std::strerror(reason)));
  }

  fs::path path_;
  RepositoryFile const& content_;
  ContentHash hash_;
  int descriptor_ = -1;
  std::uint64_t n_bytes_ = 0;
  std::uint64_t n_found_ = 0;
};

class Download {
 public:
  Download(BlobDownload const& wanted, HubClient& client, HubCache const& cache, HubEvents const& events,
           OnBytes const& on_bytes)
      : wanted_(wanted),
        client_(client),
        cache_(cache),
        events_(events),
        on_bytes_(on_bytes),
        partial_(partial_of(cache, wanted.content), wanted.content),
        where_(client.where(wanted.name)) {}

  void run() {
    if (on_bytes_) on_bytes_(partial_.n_bytes());
    receive();
    bool const is_gone_on_with = partial_.n_found() > 0;
    if (!is_right() && is_gone_on_with) {
      // What an earlier call left may have been hurt by the end of the machine.
      if (events_.on_note)
        events_.on_note(
            fmt::format("{}: {}: what was there before is damaged; it is downloaded anew", where_, wanted_.file));
      partial_.start_again();
      receive();
      (void)is_right();
    }
    if (digest_ != wanted_.content.etag())
      refuse(fmt::format("has the hash {}, and {} was expected", digest_, wanted_.content.etag()));
    partial_.put_in_place(cache_.blob(wanted_.content.etag()));
  }

 private:
  bool is_right() {
    digest_ = partial_.hex_digest();
    return digest_ == wanted_.content.etag();
  }

  [[noreturn]] void refuse(std::string const& found) const {
    partial_.remove();
    throw Error(ErrorCode::Corrupt,
                fmt::format("{}: {}: what was downloaded {}; it is removed; run the same command again, and where it "
                            "stays so, a proxy or mirror on the way changes it",
                            where_, wanted_.file, found));
  }

  /// Of an answer that is not read: what came before it stays.
  [[noreturn]] void refuse_answer(std::string const& found) const {
    throw Error(ErrorCode::Corrupt,
                fmt::format("{}: {}: the answer {}; it is not read; run the same command again, and "
                            "where it stays so, a proxy or mirror on the way gives another one",
                            where_, wanted_.file, found));
  }

  void receive() {
    auto const target =
        fmt::format("/{}/resolve/{}/{}", wanted_.name.name, wanted_.commit, percent_encoded(wanted_.file));
    HubClient::Patience patience(client_, wanted_.name, wanted_.file);
    auto furthest = partial_.n_bytes();
    while (partial_.n_bytes() < wanted_.content.size) {
      auto const n_before = partial_.n_bytes();
      has_seen_head_ = false;
      auto exchange = client_.get(target, n_before,
                                  [&](HttpHead const& head, std::string_view bytes) { return take(head, bytes); });
      check_hub(exchange.hub);
      if (partial_.n_bytes() == wanted_.content.size) return;
      // A server that begins again and again brings nothing.
      if (partial_.n_bytes() > furthest) patience.brought_something();
      furthest = std::max(furthest, partial_.n_bytes());
      bool const is_content = exchange.outcome.head.status == 200 || exchange.outcome.head.status == 206;
      if (exchange.outcome.head.status == 416) partial_.start_again();
      if (exchange.outcome.failure == HttpFailure::None && is_content) {
        exchange.outcome.failure = HttpFailure::Dropped;
        exchange.outcome.reason = fmt::format("{} of {} bytes came", partial_.n_bytes(), wanted_.content.size);
      }
      if (exchange.outcome.head.status == 416 && n_before > 0) continue;
      patience.after(exchange);
    }
  }

  /// Whether the hub speaks of the content that its listing named.
  void check_hub(HttpHead const& hub) const {
    auto const commit = hub.header("x-repo-commit");
    if (is_commit(commit) && commit != wanted_.commit)
      refuse(fmt::format("is of the commit {}, and {} was asked for", commit, wanted_.commit));
    auto etag = hub.header("x-linked-etag");
    if (etag.size() > 1 && etag.front() == '"') etag = etag.substr(1, etag.size() - 2);
    if (is_hex(etag, 64) && !wanted_.content.sha256.empty() && etag != wanted_.content.sha256)
      refuse(fmt::format("is announced with the hash {}, and {} was expected", etag, wanted_.content.sha256));
  }

  bool take(HttpHead const& head, std::string_view bytes) {
    if (head.status != 200 && head.status != 206) return true;
    if (!has_seen_head_) read_head(head);
    has_seen_head_ = true;
    if (bytes.size() > wanted_.content.size - partial_.n_bytes())
      refuse(fmt::format("is more than the {} bytes that were announced", wanted_.content.size));
    partial_.append(bytes);
    if (on_bytes_) on_bytes_(partial_.n_bytes());
    return true;
  }

  void read_head(HttpHead const& head) {
    auto const& size = wanted_.content.size;
    if (auto const encoding = head.header("content-encoding"); !encoding.empty() && encoding != "identity")
      refuse_answer(fmt::format("is packed ({}), which was not asked for", quote(encoding)));
    auto const expected = head.status == 206 ? size - partial_.n_bytes() : size;
    auto const length = number_of(head.header("content-length"));
    if (length && *length != expected)
      refuse_answer(fmt::format("would be {} bytes long, and {} were announced", *length, expected));
    if (head.status == 206) {
      auto const range = content_range(head.header("content-range"));
      if (!range || range->first != partial_.n_bytes() || range->second != size)
        refuse_answer(fmt::format("is another part than was asked for ({}, and not from byte {} of {})",
                                  quote(head.header("content-range")), partial_.n_bytes(), size));
    } else if (partial_.n_bytes() > 0) {
      partial_.start_again();  // the server cannot go on in the middle
    }
  }

  BlobDownload const& wanted_;
  HubClient& client_;
  HubCache const& cache_;
  HubEvents const& events_;
  OnBytes const& on_bytes_;
  PartialFile partial_;
  std::string where_;
  std::string digest_;
  bool has_seen_head_ = false;
};

}  // namespace

std::uint64_t bytes_of_partial(HubCache const& cache, RepositoryFile const& content) {
  std::error_code absent;
  auto const size = fs::file_size(partial_of(cache, content), absent);
  return absent || size > content.size ? 0 : size;
}

void download_blob(BlobDownload const& wanted, HubClient& client, HubCache const& cache, HubEvents const& events,
                   OnBytes const& on_bytes) {
  FileLock const lock(cache.lock(wanted.content.etag()), events.pause, [&] {
    if (events.on_note)
      events.on_note(
          fmt::format("{}: {}: another process downloads it; waiting", client.where(wanted.name), wanted.file));
  });
  if (cache.has_blob(wanted.content)) return;
  Download(wanted, client, cache, events, on_bytes).run();
}

}  // namespace polytask::hub
