#include "data/stored_examples.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/error.h"
#include "data/test_support.h"

namespace polytask::data {
namespace {
namespace fs = std::filesystem;

class StoredExamplesFolder : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("polytask_stored_examples_test_" + std::to_string(::getpid()));
  void TearDown() override { fs::remove_all(folder); }
};

std::vector<task::Example> all_kinds() {
  std::vector<task::Example> rows(3);
  rows[0] = {.id = "\"a\"",
             .texts = {"first", "sec\nond"},
             .apart = true,
             .labels = {std::string("yes"), std::vector<std::string>{"x", "y"}, 0.5, std::monostate()},
             .line = 7,
             .file = 2};
  rows[1] = {
      .texts = {std::string("a\0b", 3)},
      .words = {{0, 1}, {2, 3}},
      .labels = {std::vector<task::Span>{{0, 1, "P"}}, task::Answers{{{0, 1, "a"}}}, task::Choice{3}, task::Answers{}},
      .line = 8};
  rows[2] = {.texts = {""}, .line = 9};
  return rows;
}

TEST_F(StoredExamplesFolder, GivesBackWhatWasAddedInOrder) {
  StoredExamples stored(folder);
  for (auto const& row : all_kinds()) stored.add(row);
  auto const expected = all_kinds();
  std::size_t i = 0;
  stored.for_each([&](task::Example const& row) {
    EXPECT_EQ(row.id, expected[i].id);
    EXPECT_EQ(row.texts, expected[i].texts);
    EXPECT_EQ(row.words, expected[i].words);
    EXPECT_EQ(row.apart, expected[i].apart);
    EXPECT_EQ(row.labels, expected[i].labels);
    EXPECT_EQ(row.line, expected[i].line);
    EXPECT_EQ(row.file, expected[i].file);
    ++i;
  });
  EXPECT_EQ(i, 3u);
  i = 0;
  stored.for_each_labels([&](task::Example const& row) { EXPECT_EQ(row.labels, expected[i++].labels); });
  EXPECT_EQ(i, 3u);
}

TEST_F(StoredExamplesFolder, HoldsMoreThanItsBuffersAndTextsThatAreLongerThanThem) {
  StoredExamples stored(folder);
  for (std::size_t i = 0; i < 300; ++i)
    stored.add({.texts = {std::string(i == 100 ? 3'000'000 : 10'000, static_cast<char>('a' + i % 26))}, .line = i});
  std::size_t i = 0;
  stored.for_each([&](task::Example const& row) {
    EXPECT_EQ(row.line, i);
    EXPECT_EQ(row.texts[0].size(), i == 100 ? 3'000'000u : 10'000u);
    EXPECT_EQ(row.texts[0].back(), static_cast<char>('a' + i % 26));
    ++i;
  });
  EXPECT_EQ(i, 300u);
  EXPECT_TRUE(fs::is_empty(folder)) << "a killed process leaves nothing";
}

TEST_F(StoredExamplesFolder, HaveAHashOfTheirContent) {
  StoredExamples a(folder), b(folder), c(folder);
  for (auto const& row : all_kinds()) a.add(row), b.add(row);
  c.add({.texts = {"other"}});
  EXPECT_EQ(a.sha256(), b.sha256());
  EXPECT_NE(a.sha256(), c.sha256());
}

TEST_F(StoredExamplesFolder, SayWhenTheDiskIsFull) {
  StoredExamples stored(folder);
  test_support::Limited const limited(RLIMIT_FSIZE, 100'000);
  try {
    for (int i = 0; i < 10; ++i) stored.add({.texts = {std::string(500'000, 'x')}});
    FAIL() << "nothing was said";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unavailable);
  }
}

}  // namespace
}  // namespace polytask::data
