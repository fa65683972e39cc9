#include "hub/hub_cache.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "hub/test_support.h"

namespace polytask::hub {
namespace {

namespace fs = std::filesystem;

TEST(HubCache, KnowsTheCommitOfABranchThatWasAskedFor) {
  HubFixture at;
  HubCache const cache(at.folder, at.name);
  EXPECT_FALSE(cache.commit());
  cache.write_commit(kCommit);
  EXPECT_EQ(cache.commit(), kCommit);
  EXPECT_EQ(HubCache(at.folder, {"a/b", kCommit}).commit(), kCommit);
  write_file_atomically(at.model() / "refs" / "main", "../../../somewhere");
  EXPECT_FALSE(cache.commit());
  HubCache const request(at.folder, {"a/b", "refs/pr/1"});
  request.write_commit(kCommit);
  EXPECT_EQ(read_file(at.model() / "refs" / "refs" / "pr" / "1"), kCommit);
}

TEST(HubCache, AnEncoderWithoutAListingIsUsedWhereNothingCanBeMissing) {
  HubFixture at;
  HubCache const cache(at.folder, at.name);
  cache.write_commit(kCommit);
  auto const write = [&](std::string const& file) { write_file_atomically(cache.snapshot(kCommit) / file, "x"); };
  for (auto const* file : {"config.json", "vocab.txt", "model.safetensors"}) {
    EXPECT_FALSE(find_encoder(cache));
    write(file);
  }
  ASSERT_TRUE(find_encoder(cache));
  EXPECT_FALSE(find_encoder(cache)->is_whole);  // there may be a tokenizer_config.json that says more
  write("tokenizer_config.json");
  EXPECT_TRUE(find_encoder(cache)->is_whole);
}

TEST(HubCache, ALinkThatLeadsNowhereIsNoFileAndIsReplaced) {
  HubFixture at;
  HubCache const cache(at.folder, at.name);
  RepositoryFile const content{1, kCommit, ""};
  cache.link(kCommit, "config.json", content);
  EXPECT_FALSE(cache.has(kCommit, "config.json", std::nullopt));
  RepositoryFile const other{1, std::string(40, '2'), ""};
  write_file_atomically(cache.blob(other.etag()), "x");
  cache.link(kCommit, "config.json", other);
  EXPECT_TRUE(cache.has(kCommit, "config.json", 1));
  EXPECT_FALSE(cache.has(kCommit, "config.json", 2));
}

TEST(HubCache, ALockIsHeldByOne) {
  HubFixture at;
  auto const path = at.folder / "a.lock";
  auto const pause = [](std::chrono::milliseconds) { return false; };
  int n_waiting = 0;
  {
    FileLock const lock(path, pause, {});
    EXPECT_THROW(FileLock(path, pause, [&] { ++n_waiting; }), Error);
    EXPECT_EQ(n_waiting, 1);
    // Whoever ends may take the file along.
    FileLock const after(path, [&](std::chrono::milliseconds) { return fs::remove(path); }, {});
  }
  FileLock const lock(path, pause, {});
}

}  // namespace
}  // namespace polytask::hub
