#include "hub/internal/content_hash.h"

#include <gtest/gtest.h>

namespace polytask::hub {
namespace {

// `printf hello | git hash-object --stdin`, `printf hello | sha256sum`
TEST(ContentHash, IsThatOfGitAndOfSha256sum) {
  ContentHash git(ContentHash::Kind::GitSha1, 5);
  git.update("hel");
  git.update("lo");
  EXPECT_EQ(git.hex_digest(), "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0");
  ContentHash sha(ContentHash::Kind::Sha256, 5);
  sha.update("hello");
  EXPECT_EQ(sha.hex_digest(), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(ContentHash(ContentHash::Kind::GitSha1, 0).hex_digest(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

}  // namespace
}  // namespace polytask::hub
