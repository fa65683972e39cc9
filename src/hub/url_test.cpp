#include "hub/url.h"

#include <gmock/gmock.h>

namespace polytask::hub {
namespace {

std::string const kHttps =
    "https:/"
    "/";

TEST(Url, IsReadIntoItsParts) {
  auto const url = parse_url("HTTPS://Hub.Example:8443/a/b?c=d#e").value();
  EXPECT_EQ(url, (Url{"https", "hub.example", 8443, "/a/b?c=d"}));
  EXPECT_EQ(url.text(), "https://hub.example:8443/a/b?c=d");
  EXPECT_EQ(parse_url("https://hub.example").value().text(), "https://hub.example/");
  EXPECT_EQ(parse_url("http://hub.example:80/x").value().origin(), "http://hub.example");
  EXPECT_EQ(parse_url(kHttps + "[::1]:80/x").value().host, "[::1]");
  EXPECT_EQ(parse_url(kHttps + "hub.example?x").value().target, "/?x");
}

TEST(Url, ThatCouldBeReadInTwoWaysIsRefused) {
  for (auto const* text : {"file:///etc/passwd", "ftp://a/b", "//a/b", "a/b", "javascript:x", ""})
    EXPECT_FALSE(parse_url(text)) << text;
  for (auto const* text : {"", "/x", "user@host/", "user:password@host/", "a b/", "a\\b/", "a:0/", "a:65536/", "a:/",
                           "a:1x/", "[::1/", "[x]/", "a%2fb/", "a/\nX: y", "a/\x7f", ".a/", "a/<"})
    EXPECT_FALSE(parse_url(kHttps + text)) << text;
  EXPECT_FALSE(parse_url(kHttps + "a/" + std::string(20'000, 'x')));
}

TEST(Url, OfARedirectionMayBeRelative) {
  Url const base{"https", "hub.example", 443, "/a/b?c"};
  EXPECT_EQ(resolve(base, "/x?y").value().text(), "https://hub.example/x?y");
  EXPECT_EQ(resolve(base, "x").value().text(), "https://hub.example/a/x");
  EXPECT_EQ(resolve(base, "?x").value().text(), "https://hub.example/a/b?x");
  EXPECT_EQ(resolve(base, "//cdn.example/x").value().text(), "https://cdn.example/x");
  EXPECT_EQ(resolve(base, "http://cdn.example:81/x:y").value().text(), "http://cdn.example:81/x:y");
  EXPECT_EQ(resolve(base, "/x:y").value().text(), "https://hub.example/x:y");
  EXPECT_FALSE(resolve(base, "file:///etc/passwd"));
  EXPECT_FALSE(resolve(base, "data:,x"));
}

TEST(Url, KnowsThisMachine) {
  EXPECT_TRUE(parse_url(kHttps + "127.0.0.1:8000/")->is_on_this_machine());
  EXPECT_TRUE(parse_url("http://localhost/")->is_on_this_machine());
  EXPECT_FALSE(parse_url("http://localhost.example/")->is_on_this_machine());
  EXPECT_FALSE(parse_url("http://127.mirror.example/")->is_on_this_machine());
}

TEST(Url, PartsAreEncoded) { EXPECT_EQ(percent_encoded("refs/pr/1 ~é"), "refs%2Fpr%2F1%20~%C3%A9"); }

}  // namespace
}  // namespace polytask::hub
