#include "data/frozen_states.h"

#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "data/float16.h"
#include "data/test_support.h"

namespace {
int n_flushes = 0;
}

/// In place of the library's, to count it.
extern "C" int fdatasync(int descriptor) {
  ++n_flushes;
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}

namespace polytask::data {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kWidth = 4;

struct Text {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> type_ids;
  std::size_t second_sequence = 0;
};

Text text_of(std::int32_t seed, std::size_t n_tokens = 3) {
  Text text;
  for (std::size_t i = 0; i < n_tokens; ++i) text.ids.push_back(seed * 100 + static_cast<std::int32_t>(i));
  text.type_ids.assign(n_tokens, 0);
  return text;
}

std::vector<task::TokenSequence> sequences(std::vector<Text> const& texts) {
  std::vector<task::TokenSequence> all;
  for (auto const& text : texts) all.push_back({text.ids, text.type_ids, text.second_sequence});
  return all;
}

/// States that no float16 is exactly.
float state(task::TokenSequence const& text, std::size_t i) {
  auto const token = i / kWidth;
  return std::sin(static_cast<float>(text.ids[token]) + 7.0F * static_cast<float>(text.type_ids[token]) +
                  0.3F * static_cast<float>(text.second_sequence) + static_cast<float>(i));
}

class FrozenStatesTest : public testing::Test {
 protected:
  FrozenStatesTest() : folder_(fs::temp_directory_path() / ("polytask-frozen-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
  }
  ~FrozenStatesTest() override { fs::remove_all(folder_); }

  [[nodiscard]] int n_files() const {
    return static_cast<int>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  [[nodiscard]] FrozenStates frozen(StateLimits limits = {.memory_bytes = 0}, std::string key = "one encoder") {
    return {{.key = std::move(key),
             .hidden_size = kWidth,
             .compute =
                 [this](auto texts, auto const& take) {
                   for (std::size_t i = texts.size(); i-- > 0;) {  // in any order
                     ++n_computed_;
                     std::vector<float> states(texts[i].ids.size() * kWidth);
                     for (std::size_t k = 0; k < states.size(); ++k) states[k] = scale_ * state(texts[i], k);
                     take(i, states);
                   }
                 }},
            StateStore(folder_, limits)};
  }
  static std::vector<float> read(FrozenStates& frozen, std::vector<Text> const& texts) {
    std::size_t n = 0;
    for (auto const& text : texts) n += text.ids.size() * kWidth;
    std::vector<float> states(n);
    frozen.read(sequences(texts), states);
    return states;
  }
  FrozenStates::Filled fill(FrozenStates& frozen, std::vector<Text> const& texts) {
    return frozen.fill(sequences(texts), {}, stop_.get_token());
  }

  fs::path folder_;
  int n_computed_ = 0;
  float scale_ = 1;
  std::stop_source stop_;
};

TEST_F(FrozenStatesTest, AreComputedOnceForEachText) {
  std::vector<Text> const texts{text_of(1), text_of(2, 5), text_of(1), text_of(3, 1)};
  auto first = frozen();
  auto const filled = fill(first, texts);
  EXPECT_EQ(filled.n_texts, 3);
  EXPECT_EQ(filled.n_computed, 3);
  EXPECT_EQ(filled.n_not_stored, 0);
  EXPECT_GT(filled.disk_bytes, 2 * 9 * kWidth);
  (void)read(first, texts);
  auto second = frozen();
  EXPECT_EQ(fill(second, texts).n_computed, 0);
  (void)read(second, texts);
  EXPECT_EQ(n_computed_, 3);
}

TEST_F(FrozenStatesTest, AreTheSameBitsStoredOrJustComputed) {
  std::vector<Text> const texts{text_of(1), text_of(2, 5), text_of(3, 1)};
  auto computed = frozen({.disk_bytes = 0, .memory_bytes = 0});
  EXPECT_EQ(fill(computed, texts).n_not_stored, 3);
  auto const expected = read(computed, texts);
  auto stored = frozen();
  (void)fill(stored, texts);
  EXPECT_EQ(read(stored, texts), expected);
  auto opened = frozen();
  EXPECT_EQ(read(opened, texts), expected);
  auto in_memory = frozen({});
  (void)fill(in_memory, texts);
  EXPECT_EQ(read(in_memory, texts), expected);
  std::size_t i = 0;
  for (auto const& text : sequences(texts))
    for (std::size_t k = 0; k < text.ids.size() * kWidth; ++k, ++i) {
      auto const exact = state(text, k);
      EXPECT_EQ(expected[i], float_of(float16_of(exact)));
      EXPECT_LE(std::abs(expected[i] - exact), std::max(std::abs(exact) * 0x1p-11F, 0x1p-25F));
    }
}

TEST_F(FrozenStatesTest, OfAnotherEncoderAreNeverTaken) {
  auto one = frozen();
  (void)fill(one, {text_of(1)});
  scale_ = 2;
  auto other = frozen({.memory_bytes = 0}, "another encoder");
  EXPECT_EQ(fill(other, {text_of(1)}).n_computed, 1);
  EXPECT_NE(read(other, {text_of(1)}), read(one, {text_of(1)}));
}

TEST_F(FrozenStatesTest, DependOnAllThatTheEncoderSees) {
  auto tested = frozen();
  auto other_types = text_of(1);
  other_types.type_ids = {0, 0, 1};
  auto apart = text_of(1);
  apart.second_sequence = 2;
  std::vector<Text> const texts{text_of(1), other_types, apart, text_of(1, 2)};
  EXPECT_EQ(fill(tested, texts).n_computed, 4);
  auto const all = read(tested, texts);
  std::size_t begin = 0;
  for (auto const& text : texts) {
    auto const n = text.ids.size() * kWidth;
    EXPECT_EQ(std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                 all.begin() + static_cast<std::ptrdiff_t>(begin + n)),
              read(tested, {text}));
    begin += n;
  }
}

TEST_F(FrozenStatesTest, ThatAreDamagedAreNamedAndMadeAnew) {
  std::vector<Text> const texts{text_of(1), text_of(2), text_of(3)};
  auto first = frozen();
  (void)fill(first, texts);
  auto const expected = read(first, texts);
  auto const path = folder_ / "000001.states";
  auto bytes = read_file(path);
  bytes[bytes.size() / 2] ^= 4;
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  n_computed_ = 0;
  auto reader = frozen();
  EXPECT_EQ(read(reader, texts), expected);
  EXPECT_EQ(n_computed_, 1);
  EXPECT_THAT(reader.take_problems(), ElementsAre(HasSubstr("000001.states: the states at byte 24 are damaged")));
  auto filler = frozen();
  auto const filled = fill(filler, texts);
  EXPECT_EQ(filled.n_computed, 1);
  EXPECT_THAT(filled.problems, ElementsAre(HasSubstr("are damaged")));
  auto healed = frozen();
  EXPECT_EQ(fill(healed, texts).n_computed, 0);
  EXPECT_EQ(read(healed, texts), expected);
}

TEST_F(FrozenStatesTest, BeyondTheLimitAreComputedWheneverTheyAreRead) {
  auto const each = StateWriter::n_bytes(3 * kWidth);
  auto tested = frozen({.disk_bytes = 2 * each + 50, .memory_bytes = 0});
  std::vector<Text> const texts{text_of(1), text_of(2), text_of(3), text_of(4)};
  auto const filled = fill(tested, texts);
  EXPECT_EQ(filled.n_computed, 2);
  EXPECT_EQ(filled.n_not_stored, 2);
  EXPECT_LE(filled.disk_bytes, 2 * each + 50);
  n_computed_ = 0;
  auto const states = read(tested, texts);
  EXPECT_EQ(n_computed_, 2);
  EXPECT_EQ(read(tested, texts), states);
  EXPECT_EQ(n_computed_, 4);
}

TEST_F(FrozenStatesTest, AreStoredUpToTheStopAndGoOnFromThere) {
  std::vector<Text> texts;
  for (int i = 0; i < 10; ++i) texts.push_back(text_of(i, 10'000));
  auto first = frozen();
  int n_passes = 0;
  FrozenStates::FillEvents const events{.on_progress = [&](std::size_t, std::size_t) {
    if (++n_passes == 2) stop_.request_stop();
  }};
  auto const filled = first.fill(sequences(texts), events, stop_.get_token());
  EXPECT_EQ(filled.n_computed, 4);
  stop_ = {};
  auto second = frozen();
  n_flushes = 0;
  EXPECT_EQ(fill(second, texts).n_computed, 6);
  EXPECT_EQ(n_flushes, 3 * 2);  // two files after each pass
}

TEST_F(FrozenStatesTest, OfOtherRunsStayWhereTheLimitIsZeroOrNothingIsMissing) {
  std::vector<Text> const texts{text_of(1), text_of(2), text_of(3), text_of(4)};
  auto first = frozen({.memory_bytes = 0, .segment_bytes = 1});
  auto const stored = fill(first, texts);
  auto const n_before = n_files();
  for (std::uint64_t const disk_bytes : {0UL, 1UL, 200UL}) {
    auto small = frozen({.disk_bytes = disk_bytes, .memory_bytes = 0});
    auto const filled = fill(small, texts);
    EXPECT_EQ(filled.n_computed, 0) << disk_bytes;
    EXPECT_EQ(filled.n_not_stored, 0) << disk_bytes;
    EXPECT_EQ(filled.n_removed_bytes, 0) << disk_bytes;
    EXPECT_EQ(filled.disk_bytes, stored.disk_bytes) << disk_bytes;
    EXPECT_EQ(n_files(), n_before) << disk_bytes;
  }
  auto nothing = frozen({.disk_bytes = 0, .memory_bytes = 0});
  auto const filled = fill(nothing, {text_of(1), text_of(9)});
  EXPECT_EQ(filled.n_computed, 0);
  EXPECT_EQ(filled.n_not_stored, 1);
  EXPECT_EQ(filled.failure, "");
  EXPECT_EQ(n_files(), n_before);
}

TEST_F(FrozenStatesTest, MakeRoomUnderASmallerLimitAndSayHowMuch) {
  std::vector<Text> texts;
  for (int i = 0; i < 10; ++i) texts.push_back(text_of(i));
  auto first = frozen({.memory_bytes = 0, .segment_bytes = 1});
  auto const stored = fill(first, texts);
  EXPECT_EQ(stored.n_removed_bytes, 0);
  auto const limit = stored.disk_bytes / 2;
  auto small = frozen({.disk_bytes = limit, .memory_bytes = 0, .segment_bytes = 1});
  auto const filled = fill(small, {text_of(9), text_of(10)});
  EXPECT_EQ(filled.n_computed, 1);
  EXPECT_EQ(filled.n_not_stored, 0);
  EXPECT_LE(filled.disk_bytes, limit);
  EXPECT_GE(filled.n_removed_bytes, stored.disk_bytes - limit);
}

TEST_F(FrozenStatesTest, ThatAreDamagedAreMadeAnewUnderALimitThatIsReached) {
  std::vector<Text> const texts{text_of(1), text_of(2), text_of(3)};
  auto first = frozen();
  StateLimits const limits{.disk_bytes = fill(first, texts).disk_bytes, .memory_bytes = 0};
  std::ofstream(folder_ / "000001.states", std::ios::binary | std::ios::in | std::ios::out).write("x", 1);
  auto filler = frozen(limits);
  EXPECT_EQ(fill(filler, texts).n_not_stored, 0);
  auto healed = frozen(limits);
  auto const again = fill(healed, texts);
  EXPECT_EQ(again.n_computed, 0);
  EXPECT_THAT(again.problems, IsEmpty());
}

TEST_F(FrozenStatesTest, AreComputedAgainAndAreTheSameWhenTheDiskIsFull) {
  std::vector<Text> texts;
  for (int i = 0; i < 20; ++i) texts.push_back(text_of(i, 2'000));  // three passes
  auto computed = frozen({.disk_bytes = 0, .memory_bytes = 0});
  auto const expected = read(computed, texts);
  n_computed_ = 0;
  auto tested = frozen();
  auto const filled = [&] {
    test_support::Limited const full(RLIMIT_FSIZE, 200'000);
    return fill(tested, texts);
  }();
  EXPECT_THAT(filled.failure, HasSubstr("000001.states: cannot be written ("));
  EXPECT_EQ(filled.n_not_stored, 8);  // 12 texts of 16000 bytes fit
  EXPECT_EQ(filled.n_computed, n_computed_);
  EXPECT_LT(n_computed_, 20);
  EXPECT_EQ(read(tested, texts), expected);
  auto later = frozen();
  EXPECT_EQ(fill(later, texts).n_computed, 8);
  EXPECT_EQ(read(later, texts), expected);
  EXPECT_THAT(later.take_problems(), IsEmpty());

  fs::remove_all(folder_);
  auto crowded = frozen({.memory_bytes = 0, .free_bytes = std::uint64_t{1} << 62});
  auto const none = fill(crowded, texts);
  EXPECT_EQ(none.n_not_stored, 20);
  EXPECT_THAT(none.failure, HasSubstr("free space"));
  EXPECT_EQ(read(crowded, texts), expected);
}

TEST_F(FrozenStatesTest, WaitForAProcessThatFillsAndTakeWhatItStored) {
  auto waiting = frozen();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  auto const child = ::fork();
  if (child == 0) {
    auto filler = frozen();
    auto const slowly = [&](std::size_t n_done, std::size_t) {  // it may add, and has not yet
      if (n_done > 0) return;
      if (::write(ready[1], "y", 1) != 1) ::_exit(1);
      ::usleep(300'000);
    };
    ::_exit(filler.fill(sequences({text_of(1)}), {.on_progress = slowly}, {}).n_computed == 1 ? 0 : 1);
  }
  char go = 0;
  ASSERT_EQ(::read(ready[0], &go, 1), 1);
  int n_waits = 0;
  auto const filled = waiting.fill(sequences({text_of(1)}), {.on_wait = [&] { ++n_waits; }}, stop_.get_token());
  EXPECT_EQ(n_waits, 1);
  EXPECT_EQ(filled.n_computed, 0);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read(waiting, {text_of(1)}).size(), 3 * kWidth);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(FrozenStatesTest, ThatNoFloat16HoldsAreAnError) {
  auto tested = frozen();
  for (float const scale : {1e7F, HUGE_VALF}) {
    scale_ = scale;
    try {
      (void)fill(tested, {text_of(1)});
      FAIL() << "states beyond the range were stored";
    } catch (Error const& error) {
      EXPECT_EQ(error.code(), ErrorCode::InvalidInput);
      EXPECT_THAT(error.what(), HasSubstr("beyond 65504"));
    }
  }
}

}  // namespace
}  // namespace polytask::data
