// Addresses of http and https, strictly read: what two programs could read in two ways is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace polytask::hub {

struct Url {
  std::string scheme;      ///< "http" or "https"
  std::string host;        ///< in small letters; of IPv6 with its brackets
  std::uint16_t port = 0;  ///< also where it is the scheme's own
  std::string target;      ///< path and query, beginning with "/"; perhaps with a signature that is nobody's business

  [[nodiscard]] std::string text() const { return origin() + target; }
  /// "https://huggingface.co": fit to be shown.
  [[nodiscard]] std::string origin() const;
  [[nodiscard]] bool is_on_this_machine() const;
  friend bool operator==(Url const&, Url const&) = default;
};

[[nodiscard]] inline bool have_same_origin(Url const& a, Url const& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

/// Nothing for other schemes, for user names and passwords in it, and for characters that an address does not have.
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);

/// Where a redirection leads to: an address, or one relative to `base`.
[[nodiscard]] std::optional<Url> resolve(Url const& base, std::string_view reference);

/// Bytes that are no letters or digits as "%2F".
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace polytask::hub
