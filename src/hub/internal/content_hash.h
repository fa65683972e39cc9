// The hash by which the hub knows a content, piece by piece.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace polytask::hub {

/// Of a large file its SHA-256; of a small one the SHA-1 of its git object, which begins with its size.
class ContentHash {
 public:
  enum class Kind { Sha256, GitSha1 };
  ContentHash(Kind kind, std::uint64_t size);
  ~ContentHash();
  ContentHash(ContentHash&&) noexcept;
  ContentHash& operator=(ContentHash&&) noexcept;
  void update(std::string_view bytes);
  /// Small hexadecimal digits. Ends the computation.
  [[nodiscard]] std::string hex_digest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace polytask::hub
