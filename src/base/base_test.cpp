#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/random.h"
#include "base/utf8.h"

namespace polytask {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(Quote, EscapesControlCharactersAndClipsLongText) {
  EXPECT_EQ(quote("a\tb\x01"), "\"a\\tb\\x01\"");
  EXPECT_EQ(quote("\xff"), "\"\\xff\"");
  EXPECT_EQ(quote("日本語です", 2), "\"日本...\"");
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  EXPECT_FALSE(find_invalid_utf8("plain, ünïcödé, 日本, 😀"));
  EXPECT_EQ(find_invalid_utf8("ab\xC0\xAF"), 2u);           // overlong
  EXPECT_EQ(find_invalid_utf8("x\xED\xA0\x80"), 1u);        // surrogate
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0u);     // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("\xE3\x81"), 0u);             // cut
}

TEST(Utf8, TranslatesOffsetsBothWays) {
  Utf8Offsets const offsets("aé日😀");
  EXPECT_EQ(offsets.n_code_points(), 4u);
  EXPECT_EQ(offsets.to_bytes(3), 6u);
  EXPECT_EQ(offsets.to_bytes(4), 10u);
  EXPECT_FALSE(offsets.to_bytes(5));
  EXPECT_EQ(offsets.to_code_points(4), 2u);
  EXPECT_EQ(offsets.to_code_points(10), 4u);
}

TEST(Nearest, NamesWhatWasProbablyMeant) {
  std::vector<std::string> const labels{"negative", "neutral", "positive"};
  EXPECT_EQ(nearest("positve", labels), "positive");
  EXPECT_EQ(nearest("Neutral", labels), "neutral");
  EXPECT_FALSE(nearest("spam", labels));
  EXPECT_EQ(did_you_mean("positve", labels), "; did you mean \"positive\"?");
}

TEST(Rng, GivesTheNumbersOfTheReferenceImplementation) {
  // xoshiro256plusplus.c with the state {1, 2, 3, 4}
  auto rng = Rng::from_state({1, 2, 3, 4});
  EXPECT_EQ(rng.next(), 41943041u);
  EXPECT_EQ(rng.next(), 58720359u);
  EXPECT_EQ(rng.next(), 3588806011781223u);
}

TEST(Rng, ContinuesFromASavedState) {
  Rng rng(7);
  rng.next();
  auto copy = Rng::from_state(rng.state());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rng.next(), copy.next());
}

TEST(Rng, DrawsEveryValueBelowABoundEquallyOften) {
  Rng rng(3);
  std::array<int, 5> counts{};
  for (int i = 0; i < 50'000; ++i) ++counts[rng.below(5)];
  for (int const count : counts) EXPECT_NEAR(count, 10'000, 400);  // 4.5 standard deviations
}

TEST(Sha256, GivesTheDigestOfFips180) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

class InATemporaryFolder : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("polytask_base_test_" + std::to_string(::getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
};

TEST_F(InATemporaryFolder, AnAtomicFileAppearsOnlyAtItsCommit) {
  {
    AtomicFile file(folder / "a.txt");
    file.write("half");
  }
  EXPECT_TRUE(fs::is_empty(folder));
  write_file_atomically(folder / "a.txt", "one");
  {
    AtomicFile file(folder / "a.txt");
    file.write("two");
  }
  EXPECT_EQ(read_file(folder / "a.txt"), "one");
}

TEST_F(InATemporaryFolder, AFullDiskIsAnErrorThatSaysSo) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  AtomicFile file(folder / "a.txt");
  fs::create_symlink("/dev/full", folder / "full");
  EXPECT_THROW(
      {
        try {
          AtomicFile full(folder / "full" / "x");
        } catch (Error const& error) {
          EXPECT_EQ(error.code(), ErrorCode::Unavailable);
          throw;
        }
      },
      Error);
}

TEST_F(InATemporaryFolder, ReadingAFolderOrAMissingFileNamesThePath) {
  try {
    (void)read_file(folder / "absent");
    FAIL();
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::NotFound);
    EXPECT_THAT(error.what(), HasSubstr("absent"));
  }
  EXPECT_THROW((void)read_file(folder), Error);
  write_file_atomically(folder / "big", std::string(100, 'x'));
  EXPECT_THROW((void)read_file(folder / "big", 10), Error);
}

TEST(Json, RefusesDepthDuplicatesAndRubbishWithAPlace) {
  auto const deep = parse_json(std::string(2000, '[') + std::string(2000, ']'), "tokenizer.json");
  ASSERT_FALSE(deep);
  EXPECT_THAT(deep.error().what(), HasSubstr("tokenizer.json: is nested more than 64 levels deep"));
  auto const twice = parse_json(R"({"a": 1, "a": 2})", "x");
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().what(), HasSubstr("\"a\" stands twice"));
  EXPECT_FALSE(parse_json("{\"a\": ", "x"));
  EXPECT_FALSE(parse_json("\"\xff\"", "x"));
  EXPECT_EQ(parse_json(R"({"a": [1, {"b": null}]})", "x").value()["a"][0], 1);
}

}  // namespace
}  // namespace polytask
