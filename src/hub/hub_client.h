// How the hub is asked: redirections, the token, and when it is worth asking again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hub/http_transport.h"
#include "hub/hub_name.h"
#include "hub/hub_settings.h"
#include "hub/repository.h"

namespace polytask::hub {

/// What came of a request, over all redirections.
struct Exchange {
  HttpOutcome outcome;  ///< of the last address
  HttpHead hub;         ///< of the hub's own answer, which may be a redirection
  Url last;
};

class HubClient {
 public:
  /// Throws Error{InvalidUsage} for an endpoint that is no address. All are borrowed.
  HubClient(HubSettings const& settings, HttpTransport& transport, HubEvents const& events);

  /// Asks for a path of the hub ("/api/..."), from byte `from` on. The token goes to the hub's own address alone, and
  /// never in the clear over a network. Redirections are followed to https, and to http only from http. Throws
  /// Error{Corrupt} for any other, and for too many. `longest` as in HttpRequest.
  Exchange get(std::string const& target, std::uint64_t from, HttpSink const& sink, std::chrono::seconds longest = {});

  /// The whole answer of the programming interface, asked for again where that may help. Throws Error.
  struct Answer {
    std::string body;
    HttpHead head;
  };
  Answer read(std::string const& target, HubName const& name);

  /// Commit of the name's revision. Throws Error{NotFound, Unavailable, Corrupt}.
  std::string resolve_revision(HubName const& name);
  /// All files at a commit, folders included.
  RepositoryFiles list_files(HubName const& name, std::string const& commit);

  [[nodiscard]] Url const& endpoint() const { return endpoint_; }
  /// `intfloat/multilingual-e5-small (https://huggingface.co)`: begins a message.
  [[nodiscard]] std::string where(HubName const& name) const;

  /// Counts attempts that brought nothing; one for each thing that is asked for.
  class Patience {
   public:
    Patience(HubClient& client, HubName const& name, std::string what)
        : client_(client), name_(name), what_(std::move(what)) {}
    /// Waits, where another attempt may help; throws the Error otherwise.
    void after(Exchange const& exchange);
    void brought_something() { n_vain_ = 0; }

   private:
    HubClient& client_;
    HubName const& name_;
    std::string what_;
    int n_vain_ = 0;
  };

 private:
  [[nodiscard]] bool may_show_token(Url const& url) const;
  HubSettings const& settings_;
  HttpTransport& transport_;
  HubEvents const& events_;
  Url endpoint_;
};

/// The Error for an exchange that brought no content; `what` was asked for ("config.json").
[[nodiscard]] Error error_of(Exchange const& exchange, std::string const& where, HubName const& name,
                             std::string const& what, bool with_token);

}  // namespace polytask::hub
