#include "cli/hub_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"

namespace polytask::cli {
namespace {

namespace fs = std::filesystem;

class Variables {
 public:
  explicit Variables(Environment const& environment) : environment_(environment) {}

  /// The first that is set and not empty; "" where none is.
  [[nodiscard]] std::string first(std::initializer_list<char const*> names) const {
    for (auto const* name : names)
      if (auto const value = environment_(name); value && !value->empty()) return *value;
    return "";
  }

  [[nodiscard]] bool is_true(char const* name) const {
    auto word = first({name});
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return word == "1" || word == "ON" || word == "YES" || word == "TRUE";
  }

  /// "~" at the beginning is the user's folder.
  [[nodiscard]] fs::path path(std::string const& text) const {
    if (text == "~" || text.starts_with("~/"))
      return fs::path(first({"HOME"})) / (text.size() > 1 ? text.substr(2) : "");
    return text;
  }

  [[nodiscard]] fs::path home() const {
    if (auto const named = first({"HF_HOME"}); !named.empty()) return path(named);
    auto const caches = first({"XDG_CACHE_HOME"});
    if (caches.empty() && first({"HOME"}).empty())
      throw Error(ErrorCode::InvalidUsage,
                  "HF_HOME: neither it nor HOME says where what is downloaded belongs; set it to a folder");
    return (caches.empty() ? path("~/.cache") : path(caches)) / "huggingface";
  }

 private:
  Environment const& environment_;
};

std::string token_of(Variables const& variables) {
  if (variables.is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return "";
  auto token = variables.first({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"});
  std::string where = "HF_TOKEN";
  if (token.empty()) {
    auto const named = variables.first({"HF_TOKEN_PATH"});
    auto const file = named.empty() ? variables.home() / "token" : variables.path(named);
    if (!is_there(file)) return "";
    token = read_file(file, 10'000);
    where = file.string();
  }
  constexpr auto kSpace = " \t\r\n";
  token.erase(0, std::min(token.find_first_not_of(kSpace), token.size()));
  token.erase(token.find_last_not_of(kSpace) + 1);
  // In a header it could say more than that it is a token.
  if (std::any_of(token.begin(), token.end(), [](char c) { return c <= ' ' || c >= 0x7f; }))
    throw Error(ErrorCode::InvalidUsage,
                where + ": holds characters that a token of the hub does not have; set it anew");
  return token;
}

}  // namespace

Environment environment_of_process() {
  return [](char const* name) -> std::optional<std::string> {
    auto const* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

hub::HubSettings hub_settings(Environment const& environment) {
  Variables const variables(environment);
  hub::HubSettings settings{.user_agent = "polytask/" POLYTASK_VERSION};
  if (auto const endpoint = variables.first({"HF_ENDPOINT"}); !endpoint.empty()) settings.endpoint = endpoint;
  auto const cache = variables.first({"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"});
  settings.cache = cache.empty() ? variables.home() / "hub" : variables.path(cache);
  settings.offline = variables.is_true("HF_HUB_OFFLINE") || variables.is_true("TRANSFORMERS_OFFLINE");
  settings.token = token_of(variables);
  if (auto const text = variables.first({"HF_HUB_DOWNLOAD_TIMEOUT"}); !text.empty()) {
    int seconds = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (failed != std::errc() || end != text.data() + text.size() || seconds < 1 || seconds > 3600)
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("HF_HUB_DOWNLOAD_TIMEOUT: is {}; expected seconds from 1 to 3600", quote(text)));
    settings.silence = std::chrono::seconds(seconds);
  }
  return settings;
}

fs::path trusted_certificates(Environment const& environment) {
  return Variables(environment).first({"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"});
}

}  // namespace polytask::cli
