#include "data/state_store.h"

#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "data/test_support.h"

namespace {
int locking_fails_with = 0;  // 0: it does not
}

/// In place of the library's: no machine has all file systems.
extern "C" int flock(int descriptor, int operation) noexcept {
  if (locking_fails_with == 0) return static_cast<int>(::syscall(SYS_flock, descriptor, operation));
  errno = locking_fails_with;
  return -1;
}

namespace polytask::data {
namespace {

namespace fs = std::filesystem;
using test_support::Limited;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using States = std::vector<std::uint16_t>;

constexpr std::uint32_t kWidth = 8;

std::uint32_t tokens_of(int text) { return 1 + static_cast<std::uint32_t>(text) % 5; }

StateKey key_of(int text) { return Sha256().update(std::to_string(text)).digest(); }

/// What text `text` has: nothing that another one has.
States states_of(int text) {
  States states(std::size_t{tokens_of(text)} * kWidth);
  for (std::size_t i = 0; i < states.size(); ++i)
    states[i] = static_cast<std::uint16_t>(static_cast<std::size_t>(text) * 131 + i);
  return states;
}

class StateStoreFiles : public testing::Test {
 protected:
  StateStoreFiles() : folder_(fs::temp_directory_path() / ("polytask-states-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
  }
  ~StateStoreFiles() override { fs::remove_all(folder_); }

  /// Without memory, so that everything is read from the disk.
  [[nodiscard]] StateStore store(StateLimits limits = {.memory_bytes = 0}) const { return {folder_, limits}; }

  static void add(StateStore& store, int first, int last) {
    auto const writer = StateWriter::try_begin(store);
    ASSERT_NE(writer, nullptr);
    for (int text = first; text < last; ++text)
      ASSERT_TRUE(writer->add(key_of(text), tokens_of(text), states_of(text)));
  }

  /// 1 and the right states, or 0 and none. Wrong ones fail.
  static int found(StateStore& store, int text) {
    States read(states_of(text).size());
    if (!store.read(key_of(text), read)) return 0;
    EXPECT_EQ(read, states_of(text)) << text;
    return 1;
  }
  static std::vector<int> found(StateStore& store, int first, int last) {
    std::vector<int> all;
    for (int text = first; text < last; ++text) all.push_back(found(store, text));
    return all;
  }

  [[nodiscard]] std::string bytes(std::string const& name) const { return read_file(folder_ / name); }
  void overwrite(std::string const& name, std::string_view content) const {
    std::ofstream(folder_ / name, std::ios::binary | std::ios::trunc)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
  }
  [[nodiscard]] std::uint64_t bytes_of_files() const {
    std::uint64_t n = 0;
    for (auto const& entry : fs::directory_iterator(folder_)) n += entry.file_size();
    return n;
  }
  [[nodiscard]] int n_files(std::string const& extension) const {
    int n = 0;
    for (auto const& entry : fs::directory_iterator(folder_)) n += entry.path().extension() == extension ? 1 : 0;
    return n;
  }

  fs::path folder_;
};

/// Adds texts from `first` on until it is killed.
pid_t start_adding(fs::path const& folder, int first) {
  auto const child = ::fork();
  if (child != 0) return child;
  StateStore store(folder, {.memory_bytes = 0, .segment_bytes = 4096});
  auto const writer = StateWriter::try_begin(store);
  for (int text = first; writer != nullptr; ++text) (void)writer->add(key_of(text), tokens_of(text), states_of(text));
  ::_exit(1);
}

TEST_F(StateStoreFiles, GiveBackWhatWasAddedNowAndAfterTheNextOpening) {
  auto first = store();
  EXPECT_FALSE(first.contains(key_of(0)));
  EXPECT_EQ(found(first, 0), 0);
  add(first, 0, 20);
  EXPECT_EQ(found(first, 0, 21), std::vector<int>({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}));
  auto second = store();
  EXPECT_EQ(found(second, 0, 21), found(first, 0, 21));
  EXPECT_EQ(second.disk_bytes(), bytes_of_files());
  EXPECT_THAT(second.take_problems(), IsEmpty());
}

TEST_F(StateStoreFiles, AreFewAndEachHasASuccessorWhenItIsFull) {
  StateLimits const limits{.memory_bytes = 0, .segment_bytes = 1000};
  auto first = store(limits);
  add(first, 0, 100);
  EXPECT_EQ(n_files(".states"), 5);  // 100 texts of 3 tokens in the mean, 48 bytes each
  auto second = store(limits);
  add(second, 100, 110);  // goes on in the last one
  EXPECT_EQ(n_files(".states"), 6);
  for (int text = 0; text < 110; ++text) EXPECT_EQ(found(second, text), 1);
}

TEST_F(StateStoreFiles, GiveNoStatesOfAnotherSize) {
  auto tested = store();
  add(tested, 0, 1);
  States read(states_of(0).size() + kWidth);
  EXPECT_FALSE(tested.read(key_of(0), read));
}

TEST_F(StateStoreFiles, LoseOnlyTheTextThatAKilledProcessWasWriting) {
  auto written = store();
  add(written, 0, 3);
  auto const index = bytes("000001.index");
  auto const states = bytes("000001.states");
  auto const n_last = 2 * states_of(2).size();
  for (std::size_t n = 0; n <= n_last; n += 3) {  // killed while the states were written: no entry yet
    overwrite("000001.states", std::string_view(states).substr(0, states.size() - n_last + n));
    overwrite("000001.index", std::string_view(index).substr(0, index.size() - kStateEntryBytes));
    auto opened = store();
    ASSERT_EQ(found(opened, 0, 3), std::vector<int>({1, 1, 0})) << n;
    add(opened, 2, 5);
    auto again = store();
    ASSERT_EQ(found(again, 0, 5), std::vector<int>({1, 1, 1, 1, 1})) << n;
    ASSERT_THAT(again.take_problems(), IsEmpty());
  }
  for (std::size_t n = 0; n < kStateEntryBytes; ++n) {  // killed while the entry was written
    overwrite("000001.states", states);
    overwrite("000001.index", std::string_view(index).substr(0, index.size() - kStateEntryBytes + n));
    auto opened = store();
    ASSERT_EQ(found(opened, 0, 3), std::vector<int>({1, 1, 0})) << n;
    add(opened, 2, 5);
    auto again = store();
    ASSERT_EQ(found(again, 0, 5), std::vector<int>({1, 1, 1, 1, 1})) << n;
    ASSERT_THAT(again.take_problems(), IsEmpty());
    ASSERT_EQ(again.disk_bytes(), bytes_of_files());
  }
}

TEST_F(StateStoreFiles, OpenWhenAProcessWasKilledBetweenMakingTwoFiles) {
  auto written = store();
  add(written, 0, 2);
  overwrite("000002.states", "");
  for (auto const* half : {"", "PTS", "PTSTIX01"}) {
    overwrite("000002.index", half);
    auto opened = store();
    add(opened, 2, 3);
    EXPECT_EQ(found(opened, 0, 3), std::vector<int>({1, 1, 1})) << half;
    EXPECT_EQ(opened.disk_bytes(), bytes_of_files());
  }
  overwrite("000009.states", "nobody knows them");
  overwrite("000010.index", "PTSTIX01");
  auto opened = store();
  add(opened, 3, 4);
  EXPECT_FALSE(fs::exists(folder_ / "000009.states"));
  EXPECT_FALSE(fs::exists(folder_ / "000010.index"));
  EXPECT_EQ(found(opened, 0, 4), std::vector<int>({1, 1, 1, 1}));
}

TEST_F(StateStoreFiles, NameStatesThatAreDamagedAndDoNotGiveThem) {
  auto written = store();
  add(written, 0, 3);
  auto const states = bytes("000001.states");
  auto const begin = 2 * states_of(0).size();
  for (std::size_t at = begin; at < begin + 2 * states_of(1).size(); ++at) {
    auto damaged = states;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    overwrite("000001.states", damaged);
    auto opened = store();
    ASSERT_EQ(found(opened, 0, 3), std::vector<int>({1, 0, 1})) << at;
    ASSERT_FALSE(opened.contains(key_of(1)));
    ASSERT_THAT(opened.take_problems(), ElementsAre(HasSubstr("000001.states: the states at byte 16 are damaged")));
  }
  auto healed = store();
  EXPECT_EQ(found(healed, 1), 0);
  add(healed, 1, 2);  // adding drops nothing that is whole, and the new states are the ones that are read
  auto opened = store();
  EXPECT_EQ(found(opened, 0, 3), std::vector<int>({1, 1, 1}));
  EXPECT_THAT(opened.take_problems(), IsEmpty());
}

TEST_F(StateStoreFiles, NameDamagedEntriesAndMendTheIndexWhenSomebodyAdds) {
  auto written = store();
  add(written, 0, 3);
  auto index = bytes("000001.index");
  index[kStateIndexBegin.size() + kStateEntryBytes + 5] ^= 1;
  overwrite("000001.index", index);
  auto opened = store();
  EXPECT_EQ(found(opened, 0, 3), std::vector<int>({1, 0, 1}));
  EXPECT_THAT(opened.take_problems(),
              ElementsAre(HasSubstr("000001.index: 1 of 3 entries are damaged, entry 1 first")));
  add(opened, 1, 2);
  auto again = store();
  EXPECT_EQ(found(again, 0, 3), std::vector<int>({1, 1, 1}));
  EXPECT_THAT(again.take_problems(), IsEmpty());
}

TEST_F(StateStoreFiles, OfWhichStatesAreCutOffAreDamagedThere) {
  auto written = store();
  add(written, 0, 3);
  overwrite("000001.states", std::string_view(bytes("000001.states")).substr(0, 2 * states_of(0).size() + 1));
  auto opened = store();
  EXPECT_EQ(found(opened, 0, 3), std::vector<int>({1, 0, 0}));
  EXPECT_THAT(opened.take_problems(), ElementsAre(HasSubstr("2 of 3 entries are damaged, entry 1 first")));
}

TEST_F(StateStoreFiles, KeepNoMoreInMemoryThanTheyMay) {
  auto const two = 2 * (states_of(0).size() + states_of(1).size());
  auto tested = store({.memory_bytes = two});
  add(tested, 0, 5);
  EXPECT_EQ(found(tested, 0, 5), std::vector<int>({1, 1, 1, 1, 1}));
  tested.remember(key_of(500), states_of(500));
  EXPECT_EQ(found(tested, 500), 0);
  overwrite("000001.states", "");
  EXPECT_EQ(found(tested, 0, 5), std::vector<int>({1, 1, 0, 0, 0}));
}

TEST_F(StateStoreFiles, AddNothingBeyondTheLimit) {
  StateLimits const limits{.disk_bytes = 2000, .memory_bytes = 0, .segment_bytes = 500};
  auto tested = store(limits);
  auto const writer = StateWriter::try_begin(tested);
  int n = 0;
  while (n < 1000 && writer->add(key_of(n), tokens_of(n), states_of(n))) ++n;
  EXPECT_GT(n, 10);
  EXPECT_LT(n, 40);
  EXPECT_LE(bytes_of_files(), 2000);
  EXPECT_EQ(bytes_of_files(), tested.disk_bytes());
  EXPECT_EQ(found(tested, n), 0);
  auto nothing = StateStore(folder_ / "nothing", {.disk_bytes = 0});
  EXPECT_FALSE(StateWriter::try_begin(nothing)->add(key_of(0), tokens_of(0), states_of(0)));
}

TEST_F(StateStoreFiles, MakeRoomByRemovingTheOldestFilesAndThoseThatAreWantedLast) {
  StateLimits const limits{.disk_bytes = 3000, .memory_bytes = 0, .segment_bytes = 500};
  auto tested = store(limits);
  int n = 0;
  {
    auto const writer = StateWriter::try_begin(tested);
    while (writer->add(key_of(n), tokens_of(n), states_of(n))) ++n;
  }
  auto reader = store(limits);
  auto const writer = StateWriter::try_begin(tested);
  std::vector<StateWriter::Wanted> wanted{{key_of(0), states_of(0).size()}};  // in the oldest file
  for (int text = 1000; text < 1008; ++text) wanted.push_back({key_of(text), states_of(text).size()});
  writer->make_room(wanted);
  EXPECT_EQ(found(tested, 0), 1);
  EXPECT_FALSE(fs::exists(folder_ / "000002.states"));
  EXPECT_EQ(found(tested, n - 1), 1);
  for (int text = 1000; text < 1008; ++text) EXPECT_TRUE(writer->add(key_of(text), tokens_of(text), states_of(text)));
  EXPECT_LE(bytes_of_files(), 3000);
  for (int text = 0; text < n; ++text) EXPECT_EQ(found(reader, text), 1);  // it had opened them before

  wanted.clear();
  for (int text = 2000; text < 2020; ++text) wanted.push_back({key_of(text), states_of(text).size()});
  auto const n_before = tested.disk_bytes();
  auto const n_removed = writer->make_room(wanted);
  EXPECT_GT(n_removed, 0);
  EXPECT_EQ(n_removed, n_before - bytes_of_files());
  for (int text = 2000; text < 2020; ++text) EXPECT_TRUE(writer->add(key_of(text), tokens_of(text), states_of(text)));
  EXPECT_LE(bytes_of_files(), 3000);
}

TEST_F(StateStoreFiles, StayWhereNothingIsMissingHoweverSmallTheLimit) {
  auto written = store({.memory_bytes = 0, .segment_bytes = 100});
  add(written, 0, 20);
  auto const n_bytes = bytes_of_files();
  auto small = store({.disk_bytes = 10, .memory_bytes = 0});
  auto const writer = StateWriter::try_begin(small);
  EXPECT_EQ(writer->make_room(std::vector<StateWriter::Wanted>{{key_of(3), states_of(3).size()}}), 0);
  EXPECT_EQ(writer->make_room({}), 0);
  EXPECT_EQ(bytes_of_files(), n_bytes);
}

TEST_F(StateStoreFiles, AreReadAndAddedToByAProcessThatMayOpenFewFiles) {
  StateLimits const limits{.memory_bytes = 0, .segment_bytes = 1};
  {
    auto written = store(limits);
    add(written, 0, 60);
  }
  ASSERT_EQ(n_files(".states"), 60);
  Limited const few(RLIMIT_NOFILE, 20);
  auto opened = store(limits);
  add(opened, 60, 70);
  auto again = store(limits);
  for (auto* tested : {&opened, &again}) {
    EXPECT_EQ(found(*tested, 0, 70), std::vector<int>(70, 1));
    EXPECT_THAT(tested->take_problems(), IsEmpty());
  }
}

TEST_F(StateStoreFiles, AreNotDamagedWhereTheyCannotBeOpened) {
  StateLimits const limits{.memory_bytes = 0, .segment_bytes = 1};
  {
    auto written = store(limits);
    add(written, 0, 10);
  }
  int n_failures = 0;
  for (rlim_t most = 3; most < 30; ++most) {
    try {
      Limited const few(RLIMIT_NOFILE, most);
      auto opened = store(limits);
      auto const writer = StateWriter::try_begin(opened);
      EXPECT_THAT(opened.take_problems(), IsEmpty());
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::Unavailable);
      ++n_failures;
    }
    ASSERT_EQ(n_files(".states"), 10) << most;
    ASSERT_EQ(n_files(".index"), 10) << most;
  }
  EXPECT_GT(n_failures, 2);
  EXPECT_LT(n_failures, 27);
}

TEST_F(StateStoreFiles, AreNotDamagedWhereTheyMayNotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  auto written = store();
  add(written, 0, 3);
  for (auto const* name : {"000001.states", "000001.index"}) {
    fs::permissions(folder_ / name, fs::perms::none);
    auto const expect_a_sentence = [&](auto const& action) {
      try {
        action();
        FAIL() << name << " was read";
      } catch (Error const& error) {
        EXPECT_EQ(error.code(), ErrorCode::Unavailable);
        EXPECT_THAT(error.what(), HasSubstr(name + std::string(": cannot be opened (Permission denied)")));
      }
    };
    expect_a_sentence([&] { (void)store(); });
    expect_a_sentence([&] { (void)StateWriter::try_begin(written); });
    fs::permissions(folder_ / name, fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(found(written, 0, 3), std::vector<int>({1, 1, 1}));  // as before
  }
  auto opened = store();
  EXPECT_EQ(found(opened, 0, 3), std::vector<int>({1, 1, 1}));
}

TEST_F(StateStoreFiles, ThatAnotherProcessHasRemovedAreMissingAndNotDamaged) {
  StateLimits const limits{.disk_bytes = 2000, .memory_bytes = 0, .segment_bytes = 1};
  auto removing = store(limits);
  add(removing, 0, 10);
  auto const bytes_of_files_before = bytes_of_files();
  auto reader = [&] {
    Limited const few(RLIMIT_NOFILE, 32);
    return store(limits);
  }();
  auto const writer = StateWriter::try_begin(removing);
  EXPECT_EQ(writer->make_room(std::vector<StateWriter::Wanted>{{key_of(100), 972}}), bytes_of_files_before);
  for (int text = 200; text < 210; ++text) ASSERT_TRUE(writer->add(key_of(text), tokens_of(text), states_of(text)));
  EXPECT_EQ(found(reader, 0, 10), std::vector<int>({1, 1, 1, 1, 1, 1, 1, 1, 0, 0}));  // a quarter of 32 are held open
  EXPECT_THAT(reader.take_problems(), IsEmpty());
}

TEST_F(StateStoreFiles, AreNeverCalledDamagedWhileAnotherProcessAdds) {
  auto const child = start_adding(folder_, 0);
  auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds(700);
  std::vector<std::string> problems;
  int n_found = 0;
  while (problems.empty() && std::chrono::steady_clock::now() < end) {
    auto reader = store();
    problems = reader.take_problems();
    n_found = 0;
    while (problems.empty() && found(reader, n_found) == 1) ++n_found;
    if (problems.empty()) problems = reader.take_problems();
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_THAT(problems, IsEmpty());
  EXPECT_GT(n_found, 100);
}

TEST_F(StateStoreFiles, AreFreedOfTheUnfinishedFilesOfKilledProcesses) {
  auto written = store();
  add(written, 0, 2);
  overwrite("000001.index.77.part", "half");
  overwrite("000002.index.99999.part", "");
  auto reader = store();
  EXPECT_EQ(n_files(".part"), 2);  // perhaps a writer is at it
  add(reader, 2, 3);
  EXPECT_EQ(n_files(".part"), 0);
  EXPECT_EQ(found(reader, 0, 3), std::vector<int>({1, 1, 1}));
}

TEST_F(StateStoreFiles, AreNotAddedToWhereNobodyCanLock) {
  auto tested = store();
  for (int const reason : {ENOLCK, EOPNOTSUPP, EINVAL, ENOSYS}) {
    locking_fails_with = reason;
    try {
      (void)StateWriter::try_begin(tested);
      ADD_FAILURE() << "without a lock";
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::Unavailable);
      EXPECT_THAT(error.what(), HasSubstr("lock: cannot be locked ("));
    }
  }
  locking_fails_with = EWOULDBLOCK;
  EXPECT_EQ(StateWriter::try_begin(tested), nullptr);
  locking_fails_with = 0;
  EXPECT_NE(StateWriter::try_begin(tested), nullptr);
}

TEST_F(StateStoreFiles, KeepWhatWasAddedBeforeTheDiskWasFull) {
  auto tested = store();
  int n = 0;
  {
    auto const writer = StateWriter::try_begin(tested);
    auto const code = [&] {
      Limited const full(RLIMIT_FSIZE, 1000);
      try {
        while (writer->add(key_of(n), tokens_of(n), states_of(n))) ++n;
      } catch (Error const& error) {
        return error.code();
      }
      return ErrorCode::InvalidUsage;
    }();
    EXPECT_EQ(code, ErrorCode::Unavailable);
    EXPECT_GT(n, 5);
    EXPECT_LT(n, 50);
    EXPECT_EQ(found(tested, n), 0);
    ASSERT_TRUE(writer->add(key_of(n), tokens_of(n), states_of(n)));  // there is room again
  }
  auto opened = store();
  EXPECT_EQ(found(opened, 0, n + 1), std::vector<int>(static_cast<std::size_t>(n) + 1, 1));
  EXPECT_THAT(opened.take_problems(), IsEmpty());
}

TEST_F(StateStoreFiles, HaveNoIndexWithoutItsBeginning) {
  auto tested = store();
  auto const writer = StateWriter::try_begin(tested);
  {
    Limited const full(RLIMIT_FSIZE, 4);
    EXPECT_THROW((void)writer->add(key_of(0), tokens_of(0), states_of(0)), Error);
  }
  EXPECT_EQ(n_files(".index"), 0);
  EXPECT_THAT(store().take_problems(), IsEmpty());
  ASSERT_TRUE(writer->add(key_of(0), tokens_of(0), states_of(0)));
  auto reader = store();
  EXPECT_EQ(found(reader, 0), 1);
}

TEST_F(StateStoreFiles, LeaveTheSpaceFreeThatOthersNeed) {
  auto tested = store({.memory_bytes = 0, .free_bytes = std::uint64_t{1} << 62});
  try {
    add(tested, 0, 1);
    FAIL() << "the last bytes of the disk were taken";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unavailable);
    EXPECT_THAT(error.what(), HasSubstr("MB of free space"));
  }
  EXPECT_EQ(bytes_of_files(), 0);
}

TEST_F(StateStoreFiles, AreAddedToByOneAtATimeWhoSeesWhatTheOthersAdded) {
  auto one = store(), other = store();
  {
    auto const writer = StateWriter::try_begin(one);
    ASSERT_NE(writer, nullptr);
    EXPECT_EQ(StateWriter::try_begin(other), nullptr);
    ASSERT_TRUE(writer->add(key_of(0), tokens_of(0), states_of(0)));
    auto reader = store();  // reading needs no lock
    EXPECT_EQ(found(reader, 0), 1);
  }
  add(other, 1, 2);
  EXPECT_EQ(found(other, 0, 2), std::vector<int>({1, 1}));
}

TEST_F(StateStoreFiles, DoNotLeadToFilesOfOthers) {
  {
    auto all = store();
    add(all, 0, 3);
  }
  auto const victim = folder_ / "precious";
  write_file_atomically(victim, "precious");
  fs::remove(folder_ / "000001.states");
  fs::create_symlink(victim, folder_ / "000001.states");
  try {
    auto again = store();
    add(again, 3, 6);
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("is no file, but a link"));
  }
  EXPECT_EQ(read_file(victim), "precious");
}

TEST_F(StateStoreFiles, SayWhatIsWrongWhereTheFolderCannotBe) {
  fs::create_directories(folder_);
  overwrite("file", "x");
  try {
    StateStore(folder_ / "file" / "states", {});
    FAIL() << "a folder inside a file was made";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unavailable);
    EXPECT_THAT(error.what(), HasSubstr("the folder cannot be made"));
  }
}

TEST_F(StateStoreFiles, SurviveKillsAtAnyMoment) {
  StateLimits const limits{.memory_bytes = 0, .segment_bytes = 4096};
  int n_whole = 0;
  for (int round = 0; round < 40; ++round) {
    auto const child = start_adding(folder_, n_whole);
    std::this_thread::sleep_for(std::chrono::microseconds(2000 + 613 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    auto opened = store(limits);
    int n = 0;
    while (found(opened, n) == 1) ++n;  // found() compares
    ASSERT_GE(n, n_whole) << "what was whole before is still there";
    ASSERT_THAT(opened.take_problems(), IsEmpty());
    n_whole = n;
  }
  EXPECT_GT(n_whole, 100);
  auto opened = store(limits);
  add(opened, n_whole, n_whole + 5);
  auto again = store(limits);
  EXPECT_THAT(again.take_problems(), IsEmpty());
  for (int text = 0; text < n_whole + 5; ++text) ASSERT_EQ(found(again, text), 1);
}

}  // namespace
}  // namespace polytask::data
