#include "task/passage.h"

#include <gmock/gmock.h>

namespace polytask::task {
namespace {
using testing::ElementsAre;

TEST(Windows, AreOneWhereTheContextFits) {
  EXPECT_THAT(windows_over(10, 10, {}), ElementsAre(TokenRange{0, 10}));
  EXPECT_THAT(windows_over(0, 10, {}), ElementsAre(TokenRange{0, 0}));
}

TEST(Windows, MoveByHalfOfTheRoomUnlessToldOtherwiseAndTheLastIsFull) {
  EXPECT_THAT(windows_over(11, 5, {}), ElementsAre(TokenRange{0, 5}, TokenRange{3, 8}, TokenRange{6, 11}));
  EXPECT_THAT(windows_over(12, 5, {}),
              ElementsAre(TokenRange{0, 5}, TokenRange{3, 8}, TokenRange{6, 11}, TokenRange{7, 12}));
  EXPECT_THAT(windows_over(12, 5, 4), ElementsAre(TokenRange{0, 5}, TokenRange{4, 9}, TokenRange{7, 12}));
}

TEST(Windows, LeaveNoTokenOutHoweverFarTheyAreToMove) {
  for (std::size_t const room : {1U, 2U, 7U})
    for (std::size_t const stride : {1U, 3U, 100U})
      for (std::size_t n = 0; n < 40; ++n) {
        std::size_t seen = 0;
        for (auto const& window : windows_over(n, room, stride)) {
          EXPECT_LE(window.begin, seen);
          EXPECT_LE(window.end - window.begin, room);
          EXPECT_EQ(window.end - window.begin, std::min(n, room));
          seen = window.end;
        }
        EXPECT_EQ(seen, n);
      }
}

TEST(Passage, FindsTheTokensThatAPieceOverlaps) {
  Passage const passage{.tokens = {{0, 3}, {4, 8}, {8, 8}, {8, 10}}, .windows = {{0, 4}}};
  EXPECT_EQ(tokens_of(passage, {4, 8}), (TokenRange{1, 2}));
  EXPECT_EQ(tokens_of(passage, {5, 9}), (TokenRange{1, 4}));
  EXPECT_EQ(tokens_of(passage, {3, 4}), std::nullopt);
  EXPECT_EQ(tokens_of(passage, {3, 3}), std::nullopt);
}

TEST(Passage, FindsTheTokensOfManyPiecesOfALongContext) {
  Passage passage;
  constexpr std::size_t kTokens = 200'000;  // a scan from the first one would take minutes
  for (std::size_t i = 0; i < kTokens; ++i) passage.tokens.push_back({2 * i, 2 * i + 1});
  for (std::size_t i = 0; i < kTokens; ++i) ASSERT_EQ(tokens_of(passage, {2 * i, 2 * i + 1}), (TokenRange{i, i + 1}));
}

TEST(Passage, CountsTheTokensOfAllItsWindows) {
  Passage const passage{.tokens = std::vector<ByteRange>(5), .n_before = 4, .n_after = 1, .windows = {{0, 3}, {2, 5}}};
  EXPECT_EQ(passage.n_tokens(), 16u);
}

}  // namespace
}  // namespace polytask::task
