// HTTP by libcurl: certificates checked, proxies as the environment names them, no redirections, http and https alone.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "hub/http_transport.h"

namespace polytask::hub {

class CurlTransport final : public HttpTransport {
 public:
  /// `certificates`: a file of trusted ones in the place of the system's; empty = the system's. `is_stopped` is asked
  /// about once a second and with every piece.
  CurlTransport(std::filesystem::path certificates, std::function<bool()> is_stopped);
  ~CurlTransport() override;
  HttpOutcome get(HttpRequest const& request, HttpSink const& sink) override;

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
  std::filesystem::path certificates_;
  std::function<bool()> is_stopped_;
};

}  // namespace polytask::hub
