#include "engine/internal/windows.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

namespace polytask::engine {
namespace {

using testing::ElementsAre;

/// How far a token of the window stands from where the window cuts the text.
std::size_t distance_from_cuts(Window const& window, std::size_t token, std::size_t n_tokens) {
  std::size_t distance = n_tokens;
  if (window.begin > 0) distance = std::min(distance, token - window.begin);
  if (window.end < n_tokens) distance = std::min(distance, window.end - 1 - token);
  return distance;
}

TEST(Windows, AreFullAndOverlapByAQuarterOrMore) {
  for (std::size_t const n_shown : {6u, 7u, 62u, 126u})
    for (std::size_t n_tokens = n_shown + 1; n_tokens < 6 * n_shown; ++n_tokens) {
      auto const windows = windows_of(n_tokens, n_shown);
      ASSERT_EQ(windows.front().begin, 0u);
      ASSERT_EQ(windows.back().end, n_tokens);
      for (auto const& window : windows) ASSERT_EQ(window.end - window.begin, n_shown);
      for (std::size_t i = 1; i < windows.size(); ++i) {
        ASSERT_LT(windows[i - 1].begin, windows[i].begin);
        ASSERT_GE(windows[i - 1].end, windows[i].begin + n_shown / 4);
      }
    }
}

TEST(Windows, AnswerForEachTokenOnceWhereItStandsFarthestFromACut) {
  for (std::size_t const n_shown : {6u, 7u, 62u})
    for (std::size_t n_tokens = n_shown + 1; n_tokens < 5 * n_shown; ++n_tokens) {
      auto const windows = windows_of(n_tokens, n_shown);
      std::size_t next = 0;
      for (auto const& owner : windows) {
        ASSERT_EQ(owner.own_begin, next);
        ASSERT_GT(owner.own_end, owner.own_begin) << "no window is there in vain";
        for (std::size_t token = owner.own_begin; token < owner.own_end; ++token)
          for (auto const& other : windows) {
            if (token < other.begin || token >= other.end) continue;
            ASSERT_GE(distance_from_cuts(owner, token, n_tokens), distance_from_cuts(other, token, n_tokens))
                << "token " << token << " of " << n_tokens << ", windows of " << n_shown;
          }
        next = owner.own_end;
      }
      ASSERT_EQ(next, n_tokens);
    }
}

TEST(Windows, AreNoMoreThanTheTextNeeds) {
  EXPECT_EQ(windows_of(63, 62).size(), 2u) << "one token too many";
  EXPECT_EQ(windows_of(62 + 47, 62).size(), 2u) << "the second is full by itself";
  EXPECT_EQ(windows_of(62 + 48, 62).size(), 3u);
}

TEST(Windows, KeepTheSpecialTokensAndTheirOwnUnits) {
  EncodedText text;
  text.ids = {101, 10, 11, 12, 13, 14, 15, 16, 102};
  text.type_ids.assign(9, 0);
  text.units = {{1, {0, 1}}, {3, {2, 4}}, {6, {5, 6}}, {7, {6, 7}}};  // words of several tokens
  auto const windows = windows_of(7, 6);
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0].own_end, 4u);
  auto const first = window_of(text, windows[0]);
  EXPECT_THAT(first.ids, ElementsAre(101, 10, 11, 12, 13, 14, 15, 102));
  EXPECT_EQ(first.second_text, 8) << "there is one text";
  ASSERT_EQ(first.units.size(), 2u);
  EXPECT_EQ(first.units[1].token, 3u);
  auto const second = window_of(text, windows[1]);
  EXPECT_THAT(second.ids, ElementsAre(101, 11, 12, 13, 14, 15, 16, 102));
  ASSERT_EQ(second.units.size(), 2u);
  EXPECT_EQ(second.units[0].token, 5u) << "one token was left behind";
  EXPECT_EQ(second.units[0].bytes, (task::ByteRange{5, 6}));
}

TEST(Windows, WeighTheirLogitsByTheTokensTheyAnswerFor) {
  LogitsOfWindows merged;
  merged.add(std::vector<float>{1, -1}, {.begin = 0, .end = 8, .own_begin = 0, .own_end = 7});
  merged.add(std::vector<float>{5, 3}, {.begin = 5, .end = 13, .own_begin = 7, .own_end = 8});
  EXPECT_THAT(merged.take(), ElementsAre(1.5F, -0.5F));
  merged.add_units(std::vector<float>{1, 2, 3, 4});
  merged.add_units({});
  merged.add_units(std::vector<float>{5, 6});
  EXPECT_THAT(merged.take(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_TRUE(merged.take().empty());
}

}  // namespace
}  // namespace polytask::engine
