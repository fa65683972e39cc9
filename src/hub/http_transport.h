// One request and its answer, without any opinion about them.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hub/url.h"

namespace polytask::hub {

struct HttpRequest {
  Url url;
  std::vector<std::string> headers;  ///< "Name: value"
  std::chrono::seconds silence{10};  ///< so long without a byte is the end
  std::chrono::seconds longest{0};   ///< for all of it; 0 = as long as bytes come
};

struct HttpHead {
  int status = 0;                              ///< 0: there was no answer
  std::map<std::string, std::string> headers;  ///< names in small letters; of several with one name the last
  [[nodiscard]] std::string header(std::string const& name) const {
    auto const found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

enum class HttpFailure {
  None,
  Unreachable,  ///< no address, no connection, or the proxy has none
  Dropped,      ///< the connection ended before the answer did
  Silent,       ///< too long without a byte
  Certificate,  ///< whoever answers is not who he should be
  Stopped,      ///< by the user
  NotRead,      ///< the reader had enough
  Other
};

struct HttpOutcome {
  HttpFailure failure = HttpFailure::None;
  std::string reason;  ///< of a failure, in the words of whoever noticed it
  HttpHead head;
};

/// Gets the body piece by piece, with the head that came before it; false = no more of it.
using HttpSink = std::function<bool(HttpHead const& head, std::string_view bytes)>;

/// Not thread-safe. Implementations follow no redirection and know no token.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  /// GET. Never throws for what happens on the network; what the sink throws comes through.
  virtual HttpOutcome get(HttpRequest const& request, HttpSink const& sink) = 0;
};

}  // namespace polytask::hub
