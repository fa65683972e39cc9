#include "data/state_index.h"

#include <gmock/gmock.h>

namespace polytask::data {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

StateEntry entry(std::uint8_t key, std::uint64_t offset, std::uint32_t n_tokens = 3, std::uint32_t hidden_size = 4) {
  StateEntry made{.offset = offset, .n_tokens = n_tokens, .hidden_size = hidden_size, .checksum = 77};
  made.key.fill(key);
  return made;
}

std::string index_of(std::vector<StateEntry> const& entries) {
  std::string bytes(kStateIndexBegin);
  for (auto const& one : entries) bytes += bytes_of(one);
  return bytes;
}

TEST(StateIndex, ReadsBackWhatWasWritten) {
  auto const a = entry(1, 0);
  auto const b = entry(2, a.end());
  auto const index = parse_state_index(index_of({a, b}), b.end());
  EXPECT_TRUE(index.is_index);
  EXPECT_THAT(index.entries, ElementsAre(a, b));
  EXPECT_THAT(index.damaged, IsEmpty());
  EXPECT_EQ(index.n_torn_bytes, 0);
}

TEST(StateIndex, LeavesOutTheTornEndWhereverItIsTorn) {
  auto const a = entry(1, 0);
  auto const b = entry(2, a.end());
  auto const bytes = index_of({a, b});
  for (std::size_t n = bytes.size() - kStateEntryBytes; n < bytes.size(); ++n) {
    auto const index = parse_state_index(std::string_view(bytes).substr(0, n), b.end());
    ASSERT_THAT(index.entries, ElementsAre(a));
    ASSERT_THAT(index.damaged, IsEmpty());
    ASSERT_EQ(index.n_torn_bytes, n - (bytes.size() - kStateEntryBytes));
  }
}

TEST(StateIndex, NoticesEveryFlippedBitAndKeepsTheOthers) {
  auto const a = entry(1, 0), b = entry(2, a.end()), c = entry(3, b.end());
  auto const bytes = index_of({a, b, c});
  for (std::size_t bit = 0; bit < 8 * kStateEntryBytes; ++bit) {
    auto damaged = bytes;
    char& byte = damaged[kStateIndexBegin.size() + kStateEntryBytes + bit / 8];
    byte = static_cast<char>(byte ^ (1 << bit % 8));
    auto const index = parse_state_index(damaged, c.end());
    ASSERT_THAT(index.entries, ElementsAre(a, c)) << bit;
    ASSERT_THAT(index.damaged, ElementsAre(1)) << bit;
  }
}

TEST(StateIndex, BelievesNoPlaceOutsideOfTheFileOfStates) {
  auto const good = entry(1, 24);
  for (auto const& bad :
       {entry(2, 1'000'000), entry(2, ~std::uint64_t{0}), entry(2, ~std::uint64_t{0} - 8), entry(2, 25), entry(2, 0, 0),
        entry(2, 0, 3, 0), entry(2, 0, ~0U, ~0U), entry(2, 0, 1U << 31, 1U << 31),
        entry(2, 0, StateEntry::kMostTokens + 1, 1), entry(2, 0, 1, StateEntry::kWidest + 1)}) {
    auto const index = parse_state_index(index_of({bad, good}), 48);
    EXPECT_THAT(index.entries, ElementsAre(good));
    EXPECT_THAT(index.damaged, ElementsAre(0));
  }
}

TEST(StateIndex, IsNoneWithoutItsFirstBytes) {
  EXPECT_FALSE(parse_state_index("", 0).is_index);
  EXPECT_FALSE(parse_state_index("PTSTIX0", 0).is_index);
  EXPECT_FALSE(parse_state_index("PTSTIX02" + bytes_of(entry(1, 0)), 24).is_index);
  EXPECT_TRUE(parse_state_index("PTSTIX01", 0).is_index);
}

}  // namespace
}  // namespace polytask::data
