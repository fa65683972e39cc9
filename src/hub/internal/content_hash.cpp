#include "hub/internal/content_hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "base/error.h"

namespace polytask::hub {

struct ContentHash::Context {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  Context() = default;
  Context(Context const&) = delete;
  Context& operator=(Context const&) = delete;
  ~Context() { EVP_MD_CTX_free(digest); }
};

ContentHash::ContentHash(Kind kind, std::uint64_t size) : context_(std::make_unique<Context>()) {
  auto const* method = kind == Kind::Sha256 ? EVP_sha256() : EVP_sha1();
  expects(context_->digest != nullptr && EVP_DigestInit_ex(context_->digest, method, nullptr) == 1,
          "OpenSSL provides SHA-1 and SHA-256");
  if (kind == Kind::GitSha1) {
    auto const head = fmt::format("blob {}", size);
    update({head.c_str(), head.size() + 1});
  }
}
ContentHash::~ContentHash() = default;
ContentHash::ContentHash(ContentHash&&) noexcept = default;
ContentHash& ContentHash::operator=(ContentHash&&) noexcept = default;

void ContentHash::update(std::string_view bytes) {
  expects(EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size()) == 1, "a hash takes bytes before its end");
}

std::string ContentHash::hex_digest() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int n_bytes = 0;
  expects(EVP_DigestFinal_ex(context_->digest, bytes.data(), &n_bytes) == 1, "a hash ends once");
  std::string hex;
  for (unsigned int i = 0; i < n_bytes; ++i) hex += fmt::format("{:02x}", bytes.at(i));
  return hex;
}

}  // namespace polytask::hub
