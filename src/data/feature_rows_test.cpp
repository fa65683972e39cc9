#include "data/feature_rows.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "data/test_support.h"

namespace polytask::data {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string const kKey(64, 'a');
std::string const kOtherKey(64, 'b');

std::vector<Features> all_kinds() {
  std::vector<Features> rows(4);
  rows[0] = {.ids = {101, 7, 102, 8, 102},
             .type_ids = {0, 0, 0, 1, 1},
             .second_text = 3,
             .targets = {std::int32_t{2}, std::vector<float>{0, 1}, 0.5F, std::monostate()}};
  rows[1] = {.ids = {101, 250'001, 102}, .type_ids = {0, 0, 0}, .second_text = 3, .apart = true, .truncated = true};
  rows[1].targets = {std::vector<std::int32_t>{kIgnored, 1, kIgnored}, AnswerTarget{1, 2, 3}};
  rows[2] = {.ids = {1, 2, 3, 4}, .type_ids = {0, 1, 0, 1}, .choices = {2, 4}, .targets = {ChoiceTarget{1, 2}}};
  return rows;
}

void expect_equal(Features const& a, Features const& b) {
  EXPECT_EQ(a.ids, b.ids);
  EXPECT_EQ(a.type_ids, b.type_ids);
  EXPECT_EQ(a.second_text, b.second_text);
  EXPECT_EQ(a.apart, b.apart);
  EXPECT_EQ(a.truncated, b.truncated);
  EXPECT_EQ(a.choices, b.choices);
  EXPECT_EQ(a.targets, b.targets);
}

class FeatureFolder : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("polytask_feature_rows_test_" + std::to_string(::getpid()));
  fs::path const file = folder / (kKey + ".rows");
  std::vector<std::string> problems;
  int n_fills = 0;
  void TearDown() override { fs::remove_all(folder); }

  FeatureStore store(std::uint64_t disk_bytes = 1 << 30) {
    return {folder, {.disk_bytes = disk_bytes, .on_problem = [this](auto const& said) { problems.push_back(said); }}};
  }
  std::shared_ptr<FeatureFile const> rows(std::string const& key = kKey, std::uint64_t disk_bytes = 1 << 30) {
    return store(disk_bytes)
        .rows_of(key,
                 [this](AddFeatures const& add) {
                   ++n_fills;
                   for (auto const& row : all_kinds()) add(row);
                 },
                 {});
  }
  void overwrite(std::uintmax_t at, char byte) const {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(at));
    bytes.put(byte);
  }
};

TEST_F(FeatureFolder, GivesBackEveryKindOfRow) {
  auto const made = rows();
  ASSERT_EQ(made->size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    expect_equal(made->read(i), all_kinds()[i]);
    EXPECT_EQ(made->length(i), static_cast<std::int32_t>(all_kinds()[i].ids.size()));
  }
  std::size_t i = 0;
  made->for_each([&](Features const& row) { expect_equal(row, all_kinds()[i++]); });
  EXPECT_EQ(i, 4u);
  EXPECT_EQ(made->n_truncated(), 1u);
}

TEST_F(FeatureFolder, MakesRowsOnceForAKey) {
  (void)rows();
  (void)rows();
  EXPECT_EQ(n_fills, 1);
  (void)rows(kOtherKey);
  EXPECT_EQ(n_fills, 2) << "changed data has another key";
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(FeatureFolder, FindsAnyDamageAndMakesTheRowsAgain) {
  (void)rows();
  auto const n_bytes = fs::file_size(file);
  for (std::uintmax_t at = 0; at < n_bytes; at += at + 40 < n_bytes ? 5 : 1) {
    auto const whole = read_file(file);
    overwrite(at, static_cast<char>(whole[at] ^ 0x10));
    n_fills = 0;
    problems.clear();
    expect_equal(rows()->read(0), all_kinds()[0]);
    EXPECT_EQ(n_fills, 1) << "byte " << at;
    EXPECT_THAT(problems, ElementsAre(HasSubstr("made again"))) << "byte " << at;
  }
}

TEST_F(FeatureFolder, FindsAFileThatIsCutAnywhere) {
  (void)rows();
  auto const whole = read_file(file);
  for (std::size_t n = 0; n < whole.size(); n += 7) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << whole.substr(0, n);
    n_fills = 0;
    EXPECT_EQ(rows()->size(), 4u);
    EXPECT_EQ(n_fills, 1) << n << " bytes";
  }
}

TEST_F(FeatureFolder, SaysWhenARowIsDamagedAfterwardsAndRemovesTheFile) {
  auto const made = rows();
  overwrite(80, 'x');
  try {
    (void)made->read(0);
    FAIL() << "damage was not seen";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::Corrupt);
    EXPECT_THAT(error.what(), HasSubstr("--resume"));
  }
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(FeatureFolder, LeavesNothingOfRowsThatFailedAndClearsWhatAKilledProcessLeft) {
  auto const failing = [](AddFeatures const& add) {
    add(all_kinds()[0]);
    throw Error(ErrorCode::Interrupted, "stopped");
  };
  EXPECT_THROW((void)store().rows_of(kKey, failing, {}), Error);
  EXPECT_FALSE(fs::exists(file));
  std::ofstream(folder / (kOtherKey + ".rows.unfinished")) << "half";
  (void)rows();
  std::vector<std::string> names;
  for (auto const& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre("lock", kKey + ".rows"));
}

TEST_F(FeatureFolder, SaysWhenTheDiskIsFull) {
  make_folders(folder);
  test_support::Limited const limited(RLIMIT_FSIZE, 100);
  EXPECT_THROW((void)rows(), Error);
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(FeatureFolder, RemovesWhatWasUsedLongestAgoBeyondItsLimit) {
  (void)rows(kKey);
  (void)rows(kOtherKey, 1);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(fs::exists(folder / (kOtherKey + ".rows"))) << "the newest stays, whatever the limit";
}

TEST_F(FeatureFolder, MakesRowsOnceWhenSeveralAskAtATime) {
  std::atomic<int> n_made = 0, n_waited = 0;
  auto const ask = [&] {
    FeatureStore own(folder, {.on_wait = [&] { ++n_waited; }});
    auto const made = own.rows_of(kKey,
                                  [&](AddFeatures const& add) {
                                    ++n_made;
                                    while (n_waited == 0) std::this_thread::yield();
                                    add(all_kinds()[0]);
                                  },
                                  {});
    EXPECT_EQ(made->size(), 1u);
  };
  std::jthread first(ask), second(ask);
  first.join();
  second.join();
  EXPECT_EQ(n_made, 1);
}

TEST_F(FeatureFolder, BringsRowsThatAreAskedForNext) {
  FeatureRows from_file(rows());
  FeatureRows in_memory;
  for (auto const& row : all_kinds()) in_memory.push_back(row);
  std::vector<std::size_t> const wanted{2, 0, 2};
  for (auto* of : {&from_file, &in_memory}) {
    of->bring(wanted);
    expect_equal((*of)[0], all_kinds()[0]);
    expect_equal((*of)[2], all_kinds()[2]);
    EXPECT_EQ(of->length(1), 3);
    EXPECT_EQ(of->size(), 4u);
  }
  from_file.bring_all();
  expect_equal(from_file[1], all_kinds()[1]);
}

}  // namespace
}  // namespace polytask::data
