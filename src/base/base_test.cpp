#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <iterator>

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

TEST(Utf8, ControlCharactersAreFound) {
  for (auto const* text : {"a\tb", "\x1b[31m", "\x7f", "é\xc2\x85", "\n"})
    EXPECT_TRUE(has_control_characters(text)) << text;
  EXPECT_TRUE(has_control_characters(std::string_view("\0", 1)));
  for (auto const* text : {"", "plain, ünïcödé, 日本, 😀", "\xc2\xa0"})
    EXPECT_FALSE(has_control_characters(text)) << text;
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  EXPECT_FALSE(find_invalid_utf8("plain, ünïcödé, 日本, 😀"));
  EXPECT_EQ(find_invalid_utf8("ab\xC0\xAF"), 2u);        // overlong
  EXPECT_EQ(find_invalid_utf8("x\xED\xA0\x80"), 1u);     // surrogate
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("\xE3\x81"), 0u);          // cut
}

TEST(Utf8, PutsAReplacementInThePlaceOfEveryInvalidByte) {
  EXPECT_EQ(valid_utf8("plain, ünïcödé, 日本, 😀"), "plain, ünïcödé, 日本, 😀");
  EXPECT_EQ(valid_utf8("caf\xE9 ü"), "caf\xEF\xBF\xBD ü");
  EXPECT_EQ(valid_utf8("\xE3\x81"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "cut: each byte by itself";
  EXPECT_EQ(valid_utf8(""), "");
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
  // xoshiro256plusplus.c, its state the first four numbers of splitmix64.c from 42
  Rng rng(42);
  EXPECT_EQ(rng.next(), 15021278609987233951u);
  EXPECT_EQ(rng.next(), 5881210131331364753u);
  EXPECT_EQ(rng.next(), 18149643915985481100u);
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

ErrorCode code_of(std::function<void()> const& action) {
  try {
    action();
  } catch (Error const& error) {
    return error.code();
  }
  return ErrorCode::Interrupted;  // nothing here throws it
}

TEST_F(InATemporaryFolder, AFileKeepsItsOldContentWhenTheNewOneCannotBeWritten) {
  write_file_atomically(folder / "a.txt", "old");
  fs::create_directory(folder / "b.txt");
  EXPECT_EQ(code_of([&] { write_file_atomically(folder / "b.txt", "new"); }), ErrorCode::Unavailable);
  EXPECT_EQ(code_of([&] { write_file_atomically(folder / "a.txt" / "c.txt", "new"); }), ErrorCode::Unavailable);
  EXPECT_EQ(read_file(folder / "a.txt"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 2) << "nothing half written is left";
}

TEST_F(InATemporaryFolder, AnAtomicFileFollowsALinkToAFileThatIsOrWillBe) {
  write_file_atomically(folder / "real.txt", "old");
  fs::create_symlink("real.txt", folder / "link");
  fs::create_symlink(folder / "later.txt", folder / "dangling");
  write_file_atomically(folder / "link", "new");
  write_file_atomically(folder / "dangling", "made");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_TRUE(fs::is_symlink(folder / "dangling"));
  EXPECT_EQ(read_file(folder / "real.txt"), "new");
  EXPECT_EQ(read_file(folder / "later.txt"), "made");
}

TEST_F(InATemporaryFolder, ANameIsTakenByALinkThatLeadsNowhereAndNotByWhatCannotBeLookedAt) {
  write_file_atomically(folder / "file", "x");
  fs::create_symlink("nowhere", folder / "dangling");
  EXPECT_TRUE(is_there(folder) && is_there(folder / "file") && is_there(folder / "dangling"));
  EXPECT_FALSE(is_there(folder / "nowhere"));
  EXPECT_FALSE(is_there(folder / "file" / "below"));
  EXPECT_FALSE(is_there(folder / std::string(5000, 'x')));
}

TEST_F(InATemporaryFolder, WhatIsNoFileIsNeitherWaitedForNorRead) {
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(code_of([&] { (void)read_file(folder / "pipe"); }), ErrorCode::InvalidInput);
  EXPECT_EQ(code_of([&] { (void)read_file(folder); }), ErrorCode::InvalidInput);
  if (fs::exists("/dev/zero")) {
    EXPECT_EQ(code_of([] { (void)read_file("/dev/zero"); }), ErrorCode::InvalidInput);
  }
  write_file_atomically(folder / "huge", "x");
  fs::resize_file(folder / "huge", std::uintmax_t{1} << 40);  // with a hole: its size is looked at before it is read
  EXPECT_EQ(code_of([&] { (void)read_file(folder / "huge", 1 << 20); }), ErrorCode::InvalidInput);
}

TEST_F(InATemporaryFolder, APipeStaysOneAndGetsTheBytesAsTheyAreWritten) {
  auto const path = folder / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  int const reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  AtomicFile file(path);
  file.write("now");
  char bytes[8];
  EXPECT_EQ(::read(reader, bytes, sizeof bytes), 3);
  file.commit();
  EXPECT_TRUE(fs::is_fifo(path));
  ::close(reader);
}

TEST_F(InATemporaryFolder, AFullDiskIsAnErrorThatSaysSo) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ(code_of([] { write_file_atomically("/dev/full", "x"); }), ErrorCode::Unavailable);
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
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

TEST(Json, SaysWhatIsWrongWithAValueWithoutTheLibrarysNumbers) {
  try {
    (void)Json::object().at("files");
    FAIL();
  } catch (Json::exception const& error) {
    EXPECT_EQ(json_problem(error), "key 'files' not found");
  }
}

}  // namespace
}  // namespace polytask
