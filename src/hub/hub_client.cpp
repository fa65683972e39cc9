#include "hub/hub_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace polytask::hub {
namespace {

constexpr int kMostRedirects = 8;
constexpr int kMostAttempts = 5;     // in vain, one after the other
constexpr int kMostUnreachable = 3;  // a machine without a network should say so soon
constexpr int kMostPages = 200;      // of a listing, a thousand files each
constexpr std::chrono::seconds kLongestWait{60};
constexpr std::chrono::seconds kLongestAnswer{120};
constexpr std::size_t kLargestRedirect = 1 << 20;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool may_pass(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/// Seconds of `Retry-After`; nothing for a date, or where there is none.
std::optional<std::chrono::seconds> retry_after(HttpHead const& head) {
  auto const text = head.header("retry-after");
  long seconds = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min(seconds, 1'000'000L));
}

/// What the server itself says of its refusal.
std::string said_by(HttpHead const& head) {
  auto const text = head.header("x-error-message");
  return text.empty() ? "" : fmt::format(" ({})", quote(text, 120));
}

}  // namespace

HubClient::HubClient(HubSettings const& settings, HttpTransport& transport, HubEvents const& events)
    : settings_(settings), transport_(transport), events_(events) {
  auto const url = parse_url(settings.endpoint);
  if (!url || url->target.find('?') != std::string::npos)
    throw Error(ErrorCode::InvalidUsage,
                "HF_ENDPOINT: is no address of a hub; expected one like https://huggingface.co, without user name, "
                "password and query");
  endpoint_ = *url;
  while (endpoint_.target.ends_with('/')) endpoint_.target.pop_back();
}

std::string HubClient::where(HubName const& name) const {
  return fmt::format("{} ({})", to_string(name), endpoint_.origin());
}

bool HubClient::may_show_token(Url const& url) const {
  return !settings_.token.empty() && have_same_origin(url, endpoint_) &&
         (url.scheme == "https" || url.is_on_this_machine());
}

Exchange HubClient::get(std::string const& target, std::uint64_t from, HttpSink const& sink,
                        std::chrono::seconds longest) {
  Exchange exchange{.outcome = {}, .hub = {}, .last = endpoint_};
  exchange.last.target += target;
  for (int n = 0; n <= kMostRedirects; ++n) {
    HttpRequest request{.url = exchange.last,
                        .headers = {"User-Agent: " + settings_.user_agent, "Accept-Encoding: identity"},
                        .silence = settings_.silence,
                        .longest = longest};
    if (may_show_token(request.url)) request.headers.push_back("Authorization: Bearer " + settings_.token);
    if (from > 0) request.headers.push_back(fmt::format("Range: bytes={}-", from));
    std::size_t n_ignored = 0;
    exchange.outcome = transport_.get(request, [&](HttpHead const& head, std::string_view bytes) {
      if (!is_redirect(head.status)) return sink(head, bytes);
      n_ignored += bytes.size();
      return n_ignored < kLargestRedirect;
    });
    if (n == 0) exchange.hub = exchange.outcome.head;
    if (exchange.outcome.failure != HttpFailure::None || !is_redirect(exchange.outcome.head.status)) return exchange;
    auto const location = exchange.outcome.head.header("location");
    auto const next = location.empty() ? std::nullopt : resolve(exchange.last, location);
    if (!next || (next->scheme == "http" && exchange.last.scheme == "https"))
      throw Error(ErrorCode::Corrupt,
                  fmt::format("{}: redirects to {}, which is not followed; expected an address of https",
                              exchange.last.origin(), next ? next->origin() : quote(location)));
    exchange.last = *next;
  }
  throw Error(ErrorCode::Corrupt,
              fmt::format("{}: redirects more than {} times, the last time to {}; check HF_ENDPOINT and any proxy",
                          endpoint_.origin(), kMostRedirects, exchange.last.origin()));
}

HubClient::Answer HubClient::read(std::string const& target, HubName const& name) {
  Patience patience(*this, name, "what the hub knows of it");
  while (true) {
    Answer answer;
    auto const exchange = get(
        target, 0,
        [&](HttpHead const& head, std::string_view bytes) {
          // Of a refusal the head says enough.
          if (head.status != 200) return true;
          answer.body += bytes;
          return answer.body.size() <= kLargestAnswer;
        },
        kLongestAnswer);
    if (answer.body.size() > kLargestAnswer)
      throw Error(ErrorCode::Corrupt, fmt::format("{}: an answer of the hub is larger than {} bytes, the most that is "
                                                  "read; check HF_ENDPOINT and any proxy",
                                                  where(name), kLargestAnswer));
    if (exchange.outcome.failure == HttpFailure::None && exchange.outcome.head.status == 200) {
      answer.head = exchange.outcome.head;
      return answer;
    }
    patience.after(exchange);
  }
}

std::string HubClient::resolve_revision(HubName const& name) {
  auto const answer = read(fmt::format("/api/models/{}/revision/{}", name.name, percent_encoded(name.revision)), name);
  auto commit = parse_commit(answer.body, where(name)).value();
  if (is_commit(name.revision) && commit != name.revision)
    throw Error(ErrorCode::Corrupt,
                fmt::format("{}: the hub answers for the commit {}; check HF_ENDPOINT", where(name), commit));
  return commit;
}

RepositoryFiles HubClient::list_files(HubName const& name, std::string const& commit) {
  RepositoryFiles files;
  auto target = fmt::format("/api/models/{}/tree/{}?recursive=true", name.name, commit);
  for (int page = 0; page < kMostPages; ++page) {
    auto const answer = read(target, name);
    auto more = parse_tree(answer.body, where(name)).value();
    files.merge(more);
    if (!more.empty())
      throw Error(ErrorCode::Corrupt, fmt::format("{}: the hub lists {} twice; check HF_ENDPOINT and any proxy",
                                                  where(name), quote(more.begin()->first)));
    auto const next = next_page(answer.head.header("link"));
    if (!next) return files;
    // A mirror may hand on the hub's own address; only what stands behind the host is taken.
    auto const url = resolve(endpoint_, *next);
    auto const at = url ? url->target.find("/api/models/") : std::string::npos;
    if (at == std::string::npos)
      throw Error(ErrorCode::Corrupt, fmt::format("{}: the list of files goes on at {}, which is no place of the hub",
                                                  where(name), quote(*next)));
    target = url->target.substr(at);
  }
  throw Error(ErrorCode::Corrupt, fmt::format("{}: has more than {} pages of files; a model of its own, or a commit "
                                              "with fewer files, is needed",
                                              where(name), kMostPages));
}

void HubClient::Patience::after(Exchange const& exchange) {
  auto const& outcome = exchange.outcome;
  ++n_vain_;
  bool const is_unreachable = outcome.failure == HttpFailure::Unreachable;
  // Where a redirection led to, the address may have had its time.
  bool const is_outdated = is_redirect(exchange.hub.status) && outcome.head.status >= 400;
  bool const passes =
      outcome.failure == HttpFailure::None
          ? may_pass(outcome.head.status) || is_outdated
          : is_unreachable || outcome.failure == HttpFailure::Dropped || outcome.failure == HttpFailure::Silent;
  auto const asked = retry_after(outcome.head);
  auto const error = error_of(exchange, client_.where(name_), name_, what_, !client_.settings_.token.empty());
  if (!passes || n_vain_ >= (is_unreachable ? kMostUnreachable : kMostAttempts) || (asked && *asked > kLongestWait))
    throw error;
  auto const wait = asked ? *asked : std::chrono::seconds(1 << (n_vain_ - 1));
  std::string const message = error.what();
  if (client_.events_.on_note)  // what the user should do is not yet his
    client_.events_.on_note(
        fmt::format("{}; asking again in {} s", message.substr(0, message.find("; ")), wait.count()));
  if (client_.events_.pause && !client_.events_.pause(wait))
    throw Error(ErrorCode::Interrupted, fmt::format("{}: stopped", client_.where(name_)));
}

namespace {

/// Of an answer that refuses.
Error refusal(Exchange const& exchange, std::string const& where, HubName const& name, std::string const& what,
              bool with_token) {
  auto const& head = exchange.outcome.head;
  auto const said = said_by(head);
  auto const code = head.header("x-error-code");
  auto const is_hub = exchange.outcome.head.status == exchange.hub.status;
  auto const message = [&](std::string const& text) { return where + ": " + text; };
  constexpr auto kToken = "set HF_TOKEN, or put the token into the file \"token\" of HF_HOME (`hf auth login` does so)";
  switch (head.status) {
    case 401:
    case 403:
    case 404:
      if (!is_hub)
        return {ErrorCode::Unavailable,
                message(fmt::format("{}: {} answers with {} where the hub led to; run the same command again", what,
                                    exchange.last.origin(), head.status))};
      if (code == "GatedRepo")
        return {
            ErrorCode::NotFound,
            message(fmt::format("is gated{}: its owner wants to be asked first; accept the terms on its page, then {}",
                                said, with_token ? "use a token of the account that did" : kToken))};
      if (code == "RevisionNotFound")
        return {ErrorCode::NotFound,
                message(fmt::format("has no revision {}{}; name a branch, a tag or a commit behind \"@\"",
                                    quote(name.revision), said))};
      if (code == "EntryNotFound")
        return {ErrorCode::NotFound, message(fmt::format("has no file {}{}; run the same command again", what, said))};
      if (head.status == 404)
        return {ErrorCode::NotFound,
                message(fmt::format("the hub has no such model, or shows it to nobody{}{}; check the name{}",
                                    with_token ? " with this token" : " without a token", said,
                                    with_token ? "" : fmt::format("; for a private one, {}", kToken)))};
      return {
          ErrorCode::NotFound,
          message(fmt::format(
              "the hub answers {} ({}){}: {}", head.status, head.status == 401 ? "not authorized" : "forbidden", said,
              with_token ? "there is no such model, or the token may not read it; check the name and the token"
                         : fmt::format("there is no such model, or it is private; check the name, or {}", kToken)))};
    case 416:
      return {
          ErrorCode::Unavailable,
          message(fmt::format("{}: the server has less of it than was announced; run the same command again", what))};
    case 429: {
      auto const asked = retry_after(head);
      return {ErrorCode::Unavailable,
              message(fmt::format("{} answers 429, too many requests{}; try again {}{}", exchange.last.origin(), said,
                                  asked ? fmt::format("in {} s", asked->count()) : "later",
                                  with_token ? "" : ", or set HF_TOKEN, which allows more of them"))};
    }
    default: break;
  }
  auto const asked = retry_after(head);
  return {ErrorCode::Unavailable,
          message(fmt::format("{}: {} answers with the status {}{}; try again {}", what, exchange.last.origin(),
                              head.status, said, asked ? fmt::format("in {} s", asked->count()) : "later"))};
}

}  // namespace

Error error_of(Exchange const& exchange, std::string const& where, HubName const& name, std::string const& what,
               bool with_token) {
  auto const& outcome = exchange.outcome;
  auto const host = exchange.last.origin();
  auto const because = outcome.reason.empty() ? std::string() : fmt::format(" ({})", outcome.reason);
  switch (outcome.failure) {
    case HttpFailure::None: return refusal(exchange, where, name, what, with_token);
    case HttpFailure::Unreachable:
      return {ErrorCode::Unavailable,
              fmt::format("{}: {} cannot be reached{}; check the network and HTTPS_PROXY, or name the folder of an "
                          "encoder that is on this machine",
                          where, host, because)};
    case HttpFailure::Dropped:
      return {ErrorCode::Unavailable, fmt::format("{}: {}: the connection to {} ended too soon{}; run the same command "
                                                  "again, it goes on where this one stopped",
                                                  where, what, host, because)};
    case HttpFailure::Silent:
      return {ErrorCode::Unavailable, fmt::format("{}: {}: {} has been silent for too long{}; run the same command "
                                                  "again, or give it more seconds in HF_HUB_DOWNLOAD_TIMEOUT",
                                                  where, what, host, because)};
    case HttpFailure::Certificate:
      return {
          ErrorCode::Unavailable,
          fmt::format(
              "{}: {} does not prove who it is{}; behind a proxy of your own, name its certificates in SSL_CERT_FILE",
              where, host, because)};
    case HttpFailure::Stopped:
      return {ErrorCode::Interrupted,
              fmt::format("{}: stopped while {} was downloaded; the same command goes on", where, what)};
    case HttpFailure::NotRead:
    case HttpFailure::Other: break;
  }
  return {ErrorCode::Unavailable, fmt::format("{}: {}: {} could not be read{}", where, what, host, because)};
}

}  // namespace polytask::hub
