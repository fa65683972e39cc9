#include "data/internal/line_source.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace polytask::data {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;

/// zlib reads packed files of several members and, transparently, files that are not packed.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(std::filesystem::path const& path) : name_(path.string()) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
      throw Error(ErrorCode::InvalidInput, fmt::format("{}: is a folder; a file was expected", name_));
    errno = 0;
    file_ = ::gzopen(path.c_str(), "rb");
    if (file_ == nullptr) {
      int const reason = errno;
      throw Error(
          reason == ENOENT ? ErrorCode::NotFound : ErrorCode::InvalidInput,
          fmt::format("{}: cannot be opened ({}); check the path and its permissions", name_, std::strerror(reason)));
    }
    ::gzbuffer(file_, kBufferBytes);
    packed_ = name_.ends_with(".gz");
    if (packed_ && S_ISREG(status.st_mode) && status.st_size == 0) {
      ::gzclose(file_);
      throw Error(ErrorCode::InvalidInput, fmt::format("{}: is named .gz but is empty; get it again", name_));
    }
  }
  FileSource(FileSource const&) = delete;
  FileSource& operator=(FileSource const&) = delete;
  ~FileSource() override { ::gzclose(file_); }

  std::size_t read(char* out, std::size_t n) override {
    int const n_read = ::gzread(file_, out, static_cast<unsigned>(n));
    int code = Z_OK;
    char const* const message = ::gzerror(file_, &code);
    // The end of a file that stops in the middle of a member is only an error code beside the last bytes.
    if (n_read < 0 || (n_read == 0 && code != Z_OK && code != Z_STREAM_END)) {
      if (code == Z_ERRNO)
        throw Error(ErrorCode::Unavailable, fmt::format("{}: reading failed ({})", name_, std::strerror(errno)));
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: the packed file is damaged or cut ({}); get it again", name_, message));
    }
    if (packed_ && ::gzdirect(file_) != 0 && n_read > 0)
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("{}: is named .gz but is not packed with gzip; rename or pack it", name_));
    return static_cast<std::size_t>(n_read);
  }

 private:
  std::string name_;
  gzFile file_ = nullptr;
  bool packed_ = false;
};

class StreamSource final : public ByteSource {
 public:
  explicit StreamSource(std::istream& input) : input_(input) {}
  std::size_t read(char* out, std::size_t n) override {
    // One byte is waited for; the rest only as far as it has arrived.
    int const first = input_.get();
    if (input_.bad())
      throw Error(ErrorCode::Unavailable, "the input cannot be read any further; check where it comes from");
    if (first < 0) return 0;
    out[0] = static_cast<char>(first);
    std::streamsize const more = input_.rdbuf()->in_avail();
    if (more <= 0) return 1;
    input_.read(out + 1, std::min<std::streamsize>(more, static_cast<std::streamsize>(n) - 1));
    return 1 + static_cast<std::size_t>(input_.gcount());
  }

 private:
  std::istream& input_;
};

}  // namespace

ByteSource::~ByteSource() = default;

std::unique_ptr<ByteSource> open_bytes(std::filesystem::path const& path) { return std::make_unique<FileSource>(path); }
std::unique_ptr<ByteSource> bytes_of(std::istream& input) { return std::make_unique<StreamSource>(input); }

CharacterSource::CharacterSource(std::unique_ptr<ByteSource> bytes)
    : bytes_(std::move(bytes)), buffer_(std::make_unique<char[]>(kBufferBytes)) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  while (n_ < kByteOrderMark.size()) {
    std::size_t const n = bytes_->read(buffer_.get() + n_, kByteOrderMark.size() - n_);
    if (n == 0) break;
    n_ += n;
    if (std::string_view(buffer_.get(), n_) != kByteOrderMark.substr(0, n_)) break;  // no mark: do not wait for more
  }
  if (std::string_view(buffer_.get(), n_) == kByteOrderMark) at_ = n_;
}

bool CharacterSource::refill() {
  at_ = 0;
  n_ = bytes_->read(buffer_.get(), kBufferBytes);
  return n_ > 0;
}

std::optional<Line> LineReader::next() {
  line_.clear();
  bool too_long = false;
  bool found_any = false;
  while (true) {
    auto buffered = source_.buffered();
    if (buffered.empty()) break;
    // Looked at only now: waiting for the byte after a CR would hold back an answer to the line before it.
    if (std::exchange(after_cr_, false) && buffered.front() == '\n') {
      source_.skip(1);
      buffered = source_.buffered();
      if (buffered.empty()) break;
    }
    found_any = true;
    auto const end = buffered.find_first_of("\r\n");
    auto const part = buffered.substr(0, end);
    too_long = too_long || line_.size() + part.size() > max_bytes_;
    if (!too_long) line_ += part;
    if (end == std::string_view::npos) {
      source_.skip(buffered.size());
      continue;
    }
    after_cr_ = buffered[end] == '\r';
    source_.skip(end + 1);
    break;
  }
  if (!found_any) return std::nullopt;
  ++number_;
  return Line{line_, too_long};
}

}  // namespace polytask::data
