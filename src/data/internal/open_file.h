// A file that is read and written at places, for data that is added to while others read it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace polytask::data {

/// Throws Error{Unavailable}: `path` cannot be `action` ("opened"), with the system's reason.
[[noreturn]] void fail_with_errno(std::filesystem::path const& path, char const* action);

/// Throws Error{Unavailable}. One that is not there is no error.
void remove_file(std::filesystem::path const& path);

/// Closed at the end of its life. What fails throws Error{Unavailable}, where nothing else is said.
class OpenFile {
 public:
  /// flags: those of open(2). Throws Error{NotFound} for a file that is not there and is not to be made; else
  /// Error{Unavailable}: the file may be in order.
  OpenFile(std::filesystem::path path, int flags);
  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile();

  [[nodiscard]] std::uint64_t size() const;
  /// How many bytes were there to be read; nothing, and `errno`, where the disk does not give them.
  [[nodiscard]] std::optional<std::size_t> read_at(std::uint64_t offset, void* bytes, std::size_t n_bytes) const;
  /// All of it, as it is now. Throws Error{Corrupt} where that is more.
  [[nodiscard]] std::string read_all(std::uint64_t most_bytes) const;
  void write_at(std::uint64_t offset, void const* bytes, std::size_t n_bytes) const;
  void cut_to(std::uint64_t n_bytes) const;
  /// To the disk.
  void flush() const;
  /// False where another process has it. Throws Error{Unavailable} where nobody can have it.
  [[nodiscard]] bool try_lock() const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace polytask::data
