// SHA-256 of bytes, files and records: what makes a dataset, a run or a package the same one.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace polytask {

/// Incremental SHA-256. Movable, not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::string_view bytes);
  /// Ends the computation: call one of the two, once.
  [[nodiscard]] std::array<std::uint8_t, 32> digest();
  /// The same as 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex_digest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

[[nodiscard]] std::string sha256_hex(std::string_view bytes);
/// Throws Error{NotFound, Unavailable} when the file cannot be read.
[[nodiscard]] std::string sha256_file(std::filesystem::path const& path);

}  // namespace polytask
