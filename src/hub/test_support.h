// A hub in memory, for tests: it answers as the real one does, or as a script says.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/hash.h"
#include "hub/encoder_fetch.h"
#include "hub/internal/content_hash.h"

namespace polytask::hub {

inline std::string const kCommit = std::string(39, '0') + "1";

class FakeHub final : public HttpTransport {
 public:
  struct File {
    std::string content;
    bool is_large = false;
  };
  std::map<std::string, File> files{
      {"config.json", {"{\"model_type\": \"bert\"}"}},
      {"tokenizer.json", {"{\"model\": {}}"}},
      {"tokenizer_config.json", {"{}"}},
      {"README.md", {"# a model"}},
      {"model.safetensors", {std::string(100'000, 'w'), true}},
  };
  /// In the place of the next answers: may change what would be sent, or leave it.
  struct Reply {
    int status = 200;
    std::map<std::string, std::string> headers;
    std::string body;
    HttpFailure failure = HttpFailure::None;
  };
  std::function<void(HttpRequest const&, Reply&)> change;
  std::vector<HttpRequest> requests;

  [[nodiscard]] static RepositoryFile content_of(File const& file) {
    ContentHash hash(ContentHash::Kind::GitSha1, file.content.size());
    hash.update(file.content);
    return {file.content.size(), file.is_large ? std::string(40, 'e') : hash.hex_digest(),
            file.is_large ? sha256_hex(file.content) : ""};
  }

  [[nodiscard]] std::string tree() const {
    std::string json;
    for (auto const& [path, file] : files) {
      auto const content = content_of(file);
      json += fmt::format(R"({}{{"type":"file","path":"{}","size":{},"oid":"{}"{}}})", json.empty() ? "" : ",", path,
                          content.size, content.git_sha1,
                          file.is_large ? fmt::format(R"(,"lfs":{{"oid":"{}","size":{},"pointerSize":130}})",
                                                      content.sha256, content.size)
                                        : "");
    }
    return "[" + json + "]";
  }

  [[nodiscard]] Reply answer(HttpRequest const& request) const {
    auto const& target = request.url.target;
    std::string const api = "/api/models/a/b/";
    if (request.url.host == "hub.example" && target.starts_with(api + "revision/"))
      return {.headers = {}, .body = fmt::format(R"({{"sha":"{}"}})", kCommit)};
    if (request.url.host == "hub.example" && target.starts_with(api + "tree/" + kCommit))
      return {.headers = {}, .body = tree()};
    auto const prefix = request.url.host == "hub.example" ? "/a/b/resolve/" + kCommit + "/" : std::string("/cdn/");
    auto const found = target.starts_with(prefix) ? files.find(target.substr(prefix.size())) : files.end();
    if (found == files.end()) return {.status = 404, .headers = {{"x-error-code", "RepoNotFound"}}, .body = "no"};
    auto const& [path, file] = *found;
    if (file.is_large && request.url.host == "hub.example")
      return {.status = 302,
              .headers = {{"location", "https://cdn.example/cdn/" + path},
                          {"x-repo-commit", kCommit},
                          {"x-linked-etag", "\"" + sha256_hex(file.content) + "\""}},
              .body = "Found"};
    std::size_t from = 0;
    for (auto const& header : request.headers)
      if (header.starts_with("Range: bytes=")) from = std::stoul(header.substr(13));
    Reply reply{.headers = {}, .body = file.content.substr(from)};
    reply.headers["content-length"] = std::to_string(reply.body.size());
    if (from == 0) return reply;
    reply.status = 206;
    reply.headers["content-range"] = fmt::format("bytes {}-{}/{}", from, file.content.size() - 1, file.content.size());
    return reply;
  }

  HttpOutcome get(HttpRequest const& request, HttpSink const& sink) override {
    requests.push_back(request);
    auto reply = answer(request);
    if (change) change(request, reply);
    HttpOutcome outcome{.failure = reply.failure, .reason = "", .head = {reply.status, reply.headers}};
    if (reply.failure == HttpFailure::Unreachable) outcome.head.status = 0;
    for (std::size_t at = 0; at < reply.body.size(); at += 1'000)
      if (!sink(outcome.head, std::string_view(reply.body).substr(at, 1'000))) {
        outcome.failure = HttpFailure::NotRead;
        break;
      }
    return outcome;
  }

  [[nodiscard]] std::size_t n_requests(std::string const& part) const {
    std::size_t n = 0;
    for (auto const& request : requests) n += request.url.text().find(part) != std::string::npos;
    return n;
  }
};

/// Does `file`'s answers come from where its content lies, the hub or behind a redirection?
inline bool sends(HttpRequest const& request, std::string const& file) {
  return request.url.target.ends_with("/" + file) &&
         (request.url.host == "cdn.example" || !file.ends_with(".safetensors"));
}

/// A cache in a folder of this test, and what a fetch told.
struct HubFixture {
  HubFixture()
      : folder(std::filesystem::temp_directory_path() / fmt::format("polytask_hub_{}_{}", ::getpid(), ++n_made())) {
    std::filesystem::create_directories(folder);
    settings = {.endpoint = "https://hub.example", .cache = folder};
    events.on_note = [this](std::string const& note) { notes.push_back(note); };
    events.pause = [this](std::chrono::milliseconds time) {
      waited += time;
      return true;
    };
    events.on_plan = [this](FetchPlan const& made) { plans.push_back(made); };
  }
  HubFixture(HubFixture const&) = delete;
  HubFixture& operator=(HubFixture const&) = delete;
  ~HubFixture() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  static int& n_made() {
    static int n = 0;
    return n;
  }
  CachedEncoder fetch() { return fetch_encoder(name, settings, hub, events); }
  [[nodiscard]] std::filesystem::path model() const { return folder / "models--a--b"; }

  std::filesystem::path folder;
  HubName name{"a/b", "main"};
  HubSettings settings;
  FetchEvents events;
  FakeHub hub;
  std::vector<std::string> notes;
  std::vector<FetchPlan> plans;
  std::chrono::milliseconds waited{0};
};

}  // namespace polytask::hub
