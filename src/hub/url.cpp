#include "hub/url.h"

#include <fmt/format.h>

#include <algorithm>

namespace polytask::hub {
namespace {

constexpr std::size_t kLongestUrl = 16'384;  // signed addresses have a few thousand characters

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool has_only_characters_of_addresses(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("\\\"<>^`{}").find(c) == std::string_view::npos;
  });
}

std::uint16_t own_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

/// "host", "host:8080", "[::1]:8080" into `url`; false where it is none of these.
bool read_authority(std::string_view authority, Url& url) {
  auto host = authority;
  std::string_view port;
  if (authority.starts_with('[')) {
    auto const end = authority.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    host = authority.substr(0, end + 1);
    auto const inside = host.substr(1, host.size() - 2);
    if (inside.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
    port = authority.substr(end + 1);
    if (!port.empty() && port.front() != ':') return false;
  } else {
    auto const colon = authority.find(':');
    host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
    if (host.empty() || host.size() > 253 || host.front() == '.' || host.front() == '-') return false;
    if (!std::all_of(host.begin(), host.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_'; }))
      return false;
  }
  url.port = own_port(url.scheme);
  if (!port.empty()) {
    port.remove_prefix(1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos) return false;
    int const number = std::stoi(std::string(port));
    if (number == 0 || number > 65'535) return false;
    url.port = static_cast<std::uint16_t>(number);
  }
  url.host = host;
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), lower);
  return true;
}

}  // namespace

std::string Url::origin() const {
  auto const address = scheme + "://" + host;
  return port == own_port(scheme) ? address : fmt::format("{}:{}", address, port);
}

bool Url::is_on_this_machine() const {
  bool const is_loopback = host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "[::1]" || is_loopback;
}

std::optional<Url> parse_url(std::string_view text) {
  text = text.substr(0, text.find('#'));
  if (text.size() > kLongestUrl || !has_only_characters_of_addresses(text)) return std::nullopt;
  auto const colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Url url;
  for (char const c : text.substr(0, colon)) url.scheme += lower(c);
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  auto const rest = text.substr(colon + 3);
  auto const end = std::min(rest.find_first_of("/?"), rest.size());
  if (!read_authority(rest.substr(0, end), url)) return std::nullopt;
  url.target = rest.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

std::optional<Url> resolve(Url const& base, std::string_view reference) {
  if (reference.starts_with("//")) return parse_url(base.scheme + ":" + std::string(reference));
  // A colon before any "/" or "?" ends a scheme.
  auto const colon = reference.find(':');
  if (colon != std::string_view::npos && colon < reference.find_first_of("/?#")) return parse_url(reference);
  auto const path = std::string_view(base.target).substr(0, base.target.find('?'));
  auto const begin = reference.starts_with('/')   ? std::string()
                     : reference.starts_with('?') ? std::string(path)
                                                  : std::string(path.substr(0, path.rfind('/') + 1));
  return parse_url(base.origin() + begin + std::string(reference));
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (char const c : text)
    if (is_letter_or_digit(c) || c == '.' || c == '_' || c == '-' || c == '~')
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return encoded;
}

}  // namespace polytask::hub
