// Bytes of a file, packed or not, or of a stream -> lines, with bounded memory.
#pragma once

#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace polytask::data {

/// Where bytes come from.
class ByteSource {
 public:
  virtual ~ByteSource();
  /// Up to `n` bytes; 0 at the end. Throws Error{InvalidInput} for a damaged packed file, Error{Unavailable} for a
  /// disk.
  virtual std::size_t read(char* out, std::size_t n) = 0;
};

/// Packed with gzip (any number of members) or not: told by the first bytes. Throws Error{NotFound, InvalidInput}.
[[nodiscard]] std::unique_ptr<ByteSource> open_bytes(std::filesystem::path const& path);
/// Gives what has arrived without waiting for a full buffer, so that answers can be streamed.
[[nodiscard]] std::unique_ptr<ByteSource> bytes_of(std::istream& input);

/// One character at a time, buffered; a byte-order mark at the beginning is skipped.
class CharacterSource {
 public:
  explicit CharacterSource(std::unique_ptr<ByteSource> bytes);
  /// -1 at the end.
  int peek() { return at_ < n_ || refill() ? static_cast<unsigned char>(buffer_[at_]) : -1; }
  int get() {
    int const c = peek();
    if (c >= 0) ++at_;
    return c;
  }
  /// What is buffered, at least one byte unless at the end; `skip` consumes it.
  std::string_view buffered() {
    return peek() < 0 ? std::string_view() : std::string_view(buffer_.get() + at_, n_ - at_);
  }
  void skip(std::size_t n) { at_ += n; }

 private:
  bool refill();
  std::unique_ptr<ByteSource> bytes_;
  std::unique_ptr<char[]> buffer_;
  std::size_t at_ = 0;
  std::size_t n_ = 0;
};

struct Line {
  std::string_view text;  ///< without its end; valid until the next call
  bool too_long = false;  ///< then `text` is only its beginning
};

/// Lines that end in LF, CR LF or CR, mixed as they come; the last needs no end. A line beyond `max_bytes` is skipped,
/// not held.
class LineReader {
 public:
  LineReader(std::unique_ptr<ByteSource> bytes, std::size_t max_bytes)
      : source_(std::move(bytes)), max_bytes_(max_bytes) {}
  std::optional<Line> next();
  /// 1-based number of the line given last.
  [[nodiscard]] std::size_t number() const noexcept { return number_; }

 private:
  CharacterSource source_;
  std::size_t max_bytes_;
  std::size_t number_ = 0;
  bool after_cr_ = false;  ///< a LF that comes now belongs to the line end before it
  std::string line_;
};

}  // namespace polytask::data
