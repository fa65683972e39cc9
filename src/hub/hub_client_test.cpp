#include "hub/hub_client.h"

#include <gmock/gmock.h>

#include "hub/test_support.h"

namespace polytask::hub {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// What is thrown where the first request is answered by `reply`, again and again.
Error refused(HubFixture& at, FakeHub::Reply const& reply) {
  at.hub.requests.clear();
  at.waited = {};
  at.hub.change = [&](HttpRequest const&, FakeHub::Reply& sent) { sent = reply; };
  try {
    (void)HubClient(at.settings, at.hub, at.events).resolve_revision(at.name);
  } catch (Error const& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was refused";
  return {ErrorCode::Conflict, ""};
}

TEST(HubClient, SaysWhatARefusalMeans) {
  HubFixture at;
  at.name = {"a/b", "v7"};
  auto const repository =
      refused(at, {.status = 401,
                   .headers = {{"x-error-code", "RepoNotFound"}, {"x-error-message", "Invalid \x1b[31m"}},
                   .body = ""});
  EXPECT_EQ(repository.code(), ErrorCode::NotFound);
  EXPECT_THAT(repository.what(), AllOf(HasSubstr("a/b@v7 (https://hub.example)"), HasSubstr("401"),
                                       HasSubstr("check the name"), HasSubstr("HF_TOKEN"), HasSubstr("\\x1b")));
  EXPECT_THAT(refused(at, {.status = 403, .headers = {{"x-error-code", "GatedRepo"}}, .body = ""}).what(),
              AllOf(HasSubstr("is gated"), HasSubstr("accept the terms")));
  EXPECT_THAT(refused(at, {.status = 404, .headers = {{"x-error-code", "RevisionNotFound"}}, .body = ""}).what(),
              HasSubstr("has no revision \"v7\""));
  EXPECT_THAT(refused(at, {.status = 404, .headers = {}, .body = ""}).what(),
              AllOf(HasSubstr("no such model"), HasSubstr("without a token")));
  EXPECT_EQ(at.hub.requests.size(), 1);
  at.settings.token = "hf_secret";
  EXPECT_THAT(refused(at, {.status = 401, .headers = {}, .body = ""}).what(),
              AllOf(HasSubstr("the token may not read it"), Not(HasSubstr("hf_secret"))));
}

TEST(HubClient, AsksAgainWhereItMayHelpAndAsLateAsItIsTold) {
  HubFixture at;
  EXPECT_EQ(refused(at, {.status = 503, .headers = {}, .body = ""}).code(), ErrorCode::Unavailable);
  EXPECT_EQ(at.hub.requests.size(), 5);
  EXPECT_EQ(at.waited, std::chrono::seconds(15));
  EXPECT_THAT(refused(at, {.status = 429, .headers = {{"retry-after", "7"}}, .body = ""}).what(),
              AllOf(HasSubstr("429, too many requests"), HasSubstr("in 7 s")));
  EXPECT_EQ(at.waited, std::chrono::seconds(28));
  EXPECT_THAT(refused(at, {.status = 429, .headers = {{"retry-after", "3600"}}, .body = ""}).what(),
              HasSubstr("in 3600 s"));
  EXPECT_EQ(at.waited, std::chrono::seconds(0));
  EXPECT_THAT(refused(at, {.status = 0, .headers = {}, .body = "", .failure = HttpFailure::Unreachable}).what(),
              HasSubstr("check the network"));
  EXPECT_EQ(at.hub.requests.size(), 3);
  EXPECT_THAT(refused(at, {.status = 0, .headers = {}, .body = "", .failure = HttpFailure::Silent}).what(),
              HasSubstr("silent for too long"));
  EXPECT_THAT(refused(at, {.status = 0, .headers = {}, .body = "", .failure = HttpFailure::Certificate}).what(),
              HasSubstr("does not prove who it is"));
  EXPECT_EQ(at.hub.requests.size(), 1);
  at.events.pause = [](auto) { return false; };
  EXPECT_EQ(refused(at, {.status = 503, .headers = {}, .body = ""}).code(), ErrorCode::Interrupted);
}

TEST(HubClient, FollowsNoRedirectionThatIsLessSafe) {
  HubFixture at;
  auto const to = [&](std::string const& location) {
    return refused(at, {.status = 302, .headers = {{"location", location}}, .body = "x"});
  };
  EXPECT_THAT(
      to("http://cdn.example/x?signature=s").what(),
      AllOf(HasSubstr(": redirects to http://cdn.example, which is not followed"), Not(HasSubstr("signature"))));
  EXPECT_THAT(to("file:///etc/passwd").what(), HasSubstr("\"file:///etc/passwd\", which is not followed"));
  EXPECT_THAT(to("").what(), HasSubstr("\"\", which is not followed"));
  EXPECT_THAT(to("https://user:password@cdn.example/").what(), HasSubstr("not followed"));
  EXPECT_THAT(to("https://cdn.example/x").what(), HasSubstr("redirects more than 8 times"));
  EXPECT_EQ(at.hub.requests.size(), 9);
}

TEST(HubClient, AModelThatWasRenamedIsFoundUnderItsNewName) {
  HubFixture at;
  at.settings.token = "hf_secret";
  at.hub.change = [&](HttpRequest const& request, FakeHub::Reply& reply) {
    if (request.url.target.find("/old/") != std::string::npos)
      reply = {.status = 307, .headers = {{"location", "/api/models/a/b/revision/main"}}, .body = ""};
  };
  EXPECT_EQ(HubClient(at.settings, at.hub, at.events).resolve_revision({"a/old", "main"}), kCommit);
  EXPECT_THAT(at.hub.requests.back().headers, ::testing::Contains("Authorization: Bearer hf_secret"));
}

TEST(HubClient, AListingMayHaveSeveralPages) {
  HubFixture at;
  at.hub.change = [&](HttpRequest const& request, FakeHub::Reply& reply) {
    if (request.url.target.find("cursor=2") != std::string::npos)
      reply.body = R"([{"type":"file","path":"zz","size":1,"oid":")" + kCommit + "\"}]";
    else  // of a mirror
      reply.headers["link"] =
          "<https://huggingface.co/api/models/a/b/tree/" + kCommit + "?recursive=true&cursor=2>; rel=\"next\"";
  };
  auto const files = HubClient(at.settings, at.hub, at.events).list_files(at.name, kCommit);
  EXPECT_EQ(files.size(), at.hub.files.size() + 1);
  for (auto const& request : at.hub.requests) EXPECT_EQ(request.url.host, "hub.example");
}

TEST(HubClient, AnEndlessListingAndAnEndlessAnswerAreRefused) {
  HubFixture at;
  at.hub.change = [&, n = 0](HttpRequest const&, FakeHub::Reply& reply) mutable {
    reply.body = fmt::format(R"([{{"type":"file","path":"f{}","size":1,"oid":"{}"}}])", ++n, kCommit);
    reply.headers["link"] = "</api/models/a/b/tree/" + kCommit + "?cursor=2>; rel=\"next\"";
  };
  EXPECT_THROW((void)HubClient(at.settings, at.hub, at.events).list_files(at.name, kCommit), Error);
  EXPECT_EQ(at.hub.requests.size(), 200);
  EXPECT_THAT(refused(at, {.status = 200, .headers = {}, .body = std::string(kLargestAnswer + 1, ' ')}).what(),
              HasSubstr("larger than"));
}

TEST(HubClient, AnEndpointHasToBeAnAddress) {
  HubFixture at;
  for (auto const* endpoint :
       {"", "hub.example", "ftp://hub.example", "https://user:password@hub.example", "https://hub.example/?x"}) {
    at.settings.endpoint = endpoint;
    EXPECT_THROW(HubClient(at.settings, at.hub, at.events), Error) << endpoint;
  }
}

}  // namespace
}  // namespace polytask::hub
