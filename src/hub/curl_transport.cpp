#include "hub/curl_transport.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <exception>

#include "base/error.h"
#include "base/utf8.h"

namespace polytask::hub {
namespace {

constexpr std::size_t kMostHeaders = 300;
constexpr std::size_t kLongestHeader = 1 << 16;

/// libcurl is C: what is thrown in a callback waits here until it has returned.
struct Transfer {
  CURL* curl;
  HttpSink const& sink;
  std::function<bool()> const& is_stopped;
  HttpHead head{};
  std::size_t n_headers = 0;
  std::exception_ptr thrown{};
  bool has_enough = false;
  bool was_stopped = false;

  template <typename Work>
  bool guarded(Work const& work) noexcept {
    try {
      return work();
    } catch (...) {
      thrown = std::current_exception();
      return false;
    }
  }
};

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  auto const begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return valid_utf8(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

std::size_t on_header(char* bytes, std::size_t /*one*/, std::size_t n_bytes, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  bool const goes_on = transfer.guarded([&] {
    std::string_view const line(bytes, n_bytes);
    if (line.starts_with("HTTP/")) {  // of every answer: 100, a proxy's 200, then the one that counts
      transfer.head = {};
      long status = 0;
      curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
      transfer.head.status = static_cast<int>(status);
      return true;
    }
    if (++transfer.n_headers > kMostHeaders || line.size() > kLongestHeader) return false;
    auto const colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    transfer.head.headers[name] = trimmed(line.substr(colon + 1));
    return true;
  });
  return goes_on ? n_bytes : 0;
}

std::size_t on_body(char* bytes, std::size_t /*one*/, std::size_t n_bytes, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  bool const goes_on = transfer.guarded([&] {
    long status = 0;
    curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
    transfer.head.status = static_cast<int>(status);
    if (transfer.sink(transfer.head, {bytes, n_bytes})) return true;
    transfer.has_enough = true;
    return false;
  });
  return goes_on ? n_bytes : 0;
}

int on_progress(void* data, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*up*/, curl_off_t /*up_now*/) {
  auto& transfer = *static_cast<Transfer*>(data);
  transfer.was_stopped = transfer.is_stopped && transfer.is_stopped();
  return transfer.was_stopped ? 1 : 0;
}

HttpFailure failure_of(CURLcode code) {
  switch (code) {
    case CURLE_OK: return HttpFailure::None;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY: return HttpFailure::Unreachable;
    case CURLE_OPERATION_TIMEDOUT: return HttpFailure::Silent;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return HttpFailure::Certificate;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return HttpFailure::Dropped;
    default: return HttpFailure::Other;
  }
}

}  // namespace

struct CurlTransport::Handle {
  CURL* curl = curl_easy_init();
  std::array<char, CURL_ERROR_SIZE> reason{};
  Handle() = default;
  Handle(Handle const&) = delete;
  Handle& operator=(Handle const&) = delete;
  ~Handle() { curl_easy_cleanup(curl); }
};

CurlTransport::CurlTransport(std::filesystem::path certificates, std::function<bool()> is_stopped)
    : certificates_(std::move(certificates)), is_stopped_(std::move(is_stopped)) {
  expects(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl can be used");
  handle_ = std::make_unique<Handle>();
  expects(handle_->curl != nullptr, "libcurl gives a handle");
}

CurlTransport::~CurlTransport() {
  handle_.reset();
  curl_global_cleanup();
}

HttpOutcome CurlTransport::get(HttpRequest const& request, HttpSink const& sink) {
  CURL* const curl = handle_->curl;
  curl_easy_reset(curl);  // connections stay open
  Transfer transfer{.curl = curl, .sink = sink, .is_stopped = is_stopped_};
  auto const set = [&](CURLoption option, auto value) {
    expects(curl_easy_setopt(curl, option, value) == CURLE_OK, "libcurl knows the option");
  };
  handle_->reason.fill('\0');
  auto const url = request.url.text();
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!certificates_.empty()) set(CURLOPT_CAINFO, certificates_.c_str());
  // A proxy reads what is not encrypted.
  bool const shows_who_asks = std::any_of(request.headers.begin(), request.headers.end(),
                                          [](auto const& header) { return header.starts_with("Authorization:"); });
  if (shows_who_asks && request.url.scheme == "http") set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  auto const silence = static_cast<long>(request.silence.count());
  set(CURLOPT_CONNECTTIMEOUT, silence);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, silence);
  if (request.longest.count() > 0) set(CURLOPT_TIMEOUT, static_cast<long>(request.longest.count()));
  set(CURLOPT_ERRORBUFFER, handle_->reason.data());
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(CURLOPT_XFERINFODATA, &transfer);
  // What is shown to the hub is not shown to a proxy on the way.
  set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_slist* headers = nullptr;
  for (auto const& header : request.headers) headers = curl_slist_append(headers, header.c_str());
  set(CURLOPT_HTTPHEADER, headers);
  auto const code = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  transfer.head.status = static_cast<int>(status);
  HttpOutcome outcome{.failure = failure_of(code), .reason = "", .head = std::move(transfer.head)};
  if (transfer.was_stopped)
    outcome.failure = HttpFailure::Stopped;
  else if (transfer.has_enough)
    outcome.failure = HttpFailure::NotRead;
  if (code != CURLE_OK) {
    outcome.reason = handle_->reason[0] != '\0' ? handle_->reason.data() : curl_easy_strerror(code);
    outcome.reason = trimmed(outcome.reason);
  }
  return outcome;
}

}  // namespace polytask::hub
