#include "hub/repository.h"

#include <gmock/gmock.h>

namespace polytask::hub {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string const kGit(40, '1');
std::string const kSha(64, '2');

std::string entry(std::string const& path, std::string const& more = "") {
  return R"({"type":"file","path":")" + path + R"(","size":5,"oid":")" + kGit + "\"" + more + "}";
}

TEST(Repository, TheCommitOfARevisionIsRead) {
  EXPECT_EQ(parse_commit(R"({"id":"a/b","sha":")" + kGit + R"(","siblings":[]})", "hub").value(), kGit);
  for (auto const* text : {"", "[]", "{}", R"({"sha":7})", R"({"sha":"../../x"})", R"({"sha":"MAIN"})", "<html>"}) {
    auto const commit = parse_commit(text, "hub");
    ASSERT_FALSE(commit) << text;
    EXPECT_EQ(commit.error().code(), ErrorCode::Corrupt);
    EXPECT_THAT(commit.error().what(), StartsWith("hub: "));
  }
}

TEST(Repository, FilesHaveTheSizeAndTheHashOfTheirContent) {
  auto const files =
      parse_tree("[" + entry("config.json") + "," +
                     entry("model.safetensors", R"(,"lfs":{"oid":")" + kSha + R"(","size":900,"pointerSize":130})") +
                     R"(,{"type":"directory","path":"onnx","oid":"x"}])",
                 "hub")
          .value();
  EXPECT_EQ(files.size(), 2);
  EXPECT_EQ(files.at("config.json"), (RepositoryFile{5, kGit, ""}));
  EXPECT_EQ(files.at("config.json").etag(), kGit);
  EXPECT_EQ(files.at("model.safetensors"), (RepositoryFile{900, kGit, kSha}));
  EXPECT_EQ(files.at("model.safetensors").etag(), kSha);
}

TEST(Repository, APathThatLeadsOutIsRefused) {
  for (auto const* path :
       {"../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "", "a\\\\b", "a\\nb", "..", "a/.."}) {
    auto const files = parse_tree("[" + entry(path) + "]", "hub");
    ASSERT_FALSE(files) << path;
    EXPECT_THAT(files.error().what(), HasSubstr("no path inside a model's folder"));
  }
}

TEST(Repository, AbsurdSizesAndHashesAreRefused) {
  auto const with = [](std::string const& size, std::string const& oid) {
    return R"([{"type":"file","path":"a","size":)" + size + R"(,"oid":")" + oid + "\"}]";
  };
  for (auto const* size : {"-1", "1.5", "\"7\"", "null", "18446744073709551615", "1099511627777", "1e30"})
    EXPECT_FALSE(parse_tree(with(size, kGit), "hub")) << size;
  for (auto const* oid : {"", "abc", "../../x"}) EXPECT_FALSE(parse_tree(with("5", oid), "hub")) << oid;
  EXPECT_FALSE(parse_tree("[" + entry("a", R"(,"lfs":{"oid":"x","size":1})") + "]", "hub"));
  EXPECT_FALSE(parse_tree("[" + entry("a", R"(,"lfs":7)") + "]", "hub"));
  EXPECT_FALSE(parse_tree("[" + entry("a") + "," + entry("a") + "]", "hub"));
  EXPECT_FALSE(parse_tree("[7]", "hub"));
  EXPECT_FALSE(parse_tree(std::string(100, '['), "hub"));
}

TEST(Repository, AListingGoesOnWhereItSaysSo) {
  EXPECT_EQ(next_page(R"(<https://hub.example/api/models/a/b/tree/c?cursor=x>; rel="next")"),
            "https://hub.example/api/models/a/b/tree/c?cursor=x");
  EXPECT_EQ(next_page(R"(<https://a.example/1>; rel="prev", <https://a.example/3>; rel="next")"),
            "https://a.example/3");
  for (auto const* link : {"", "<", "<>", "<x", R"(<x>; rel="prev")", ">", "x; rel=\"next\""})
    EXPECT_FALSE(next_page(link)) << link;
}

TEST(Repository, AListingIsStoredAndReadBack) {
  RepositoryFiles const files{{"config.json", {5, kGit, ""}},
                              {"1_Pooling/config.json", {7, kGit, ""}},
                              {"model.safetensors", {900, kGit, kSha}}};
  EXPECT_EQ(parse_stored_tree(stored_tree(files), "trees").value(), files);
  EXPECT_FALSE(parse_stored_tree(R"({"format_version":2,"files":{}})", "trees"));
  EXPECT_FALSE(
      parse_stored_tree(R"({"format_version":1,"files":{"../x":{"size":1,"blob_id":")" + kGit + "\"}}}", "trees"));
}

}  // namespace
}  // namespace polytask::hub
