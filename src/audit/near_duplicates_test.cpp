#include "audit/near_duplicates.h"

#include <gmock/gmock.h>

#include "base/random.h"

namespace polytask::audit {
namespace {

using testing::IsEmpty;

std::vector<NearDuplicate> find(std::vector<std::string> const& texts, NearDuplicateOptions const& options = {}) {
  return near_duplicates(
      texts.size(), [&](std::size_t i) { return normalised(texts[i]); }, options);
}

std::string random_text(Rng& rng, int n_words = 14) {
  std::string text;
  for (int w = 0; w < n_words; ++w) {
    if (w > 0) text += ' ';
    for (int c = 0; c < 5; ++c) text += static_cast<char>('a' + rng.below(26));
  }
  return text;
}

TEST(Normalised, TakesAwayWhatCopiesDifferIn) {
  EXPECT_EQ(normalised("  Where is  my Card?! "), "where is my card");
  EXPECT_EQ(normalised("カードが、届かない。"), normalised("カードが届かない"));
  EXPECT_EQ(normalised("caf\xC3\xA9 \xE2\x80\x9Cquoted\xE2\x80\x9D"), "caf\xC3\xA9 quoted");
  EXPECT_EQ(normalised("?!"), "");
}

TEST(NearDuplicates, FindsATextWithOneWordMore) {
  auto const found = find({"my new card has still not arrived after two weeks of waiting",
                           "something else that was written by another person altogether",
                           "my new card has still not arrived after two weeks of waiting pls"});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].text, 2U);
  EXPECT_EQ(found[0].earlier, 0U);
  EXPECT_GT(found[0].similarity, 0.9);
}

TEST(NearDuplicates, FindsThemWithoutSpacesBetweenWords) {
  EXPECT_EQ(find({"新しいカードを申し込みましたが二週間たってもまだ届いていません",
                  "新しいカードを申し込みましたが二週間たってもまだ届いていませんよ"})
                .size(),
            1U);
}

TEST(NearDuplicates, LeavesTextsThatShareATopicAlone) {
  EXPECT_THAT(find({"my new card has still not arrived after two weeks", "my old card was stolen after two days abroad",
                    "when will the new card that I ordered be delivered"}),
              IsEmpty());
}

TEST(NearDuplicates, TakesNoShortTextForAnother) { EXPECT_THAT(find({"card arrival", "card arrivals"}), IsEmpty()); }

TEST(NearDuplicates, FindsNearlyAllThatAnExactComparisonFinds) {
  Rng rng(11);
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) texts.push_back(random_text(rng));
  for (int i = 0; i < 300; ++i) {  // each again, up to five characters replaced
    auto copy = texts[static_cast<std::size_t>(i)];
    for (std::uint64_t k = rng.below(6); k > 0; --k) copy[rng.below(copy.size())] = 'z';
    texts.push_back(copy);
  }
  std::size_t n_wanted = 0;
  for (std::size_t i = 300; i < 600; ++i)
    n_wanted += jaccard(shingles_of(texts[i]), shingles_of(texts[i - 300])) >= 0.7;
  auto const found = find(texts, {.similarity = 0.7});
  EXPECT_GE(static_cast<double>(found.size()), 0.98 * static_cast<double>(n_wanted));
  for (auto const& pair : found) EXPECT_EQ(pair.text, pair.earlier + 300);
}

TEST(NearDuplicates, TakesNoLongerForATemplateThatFillsOneBucket) {
  Rng rng(3);
  std::vector<std::string> texts;
  std::string const frame = random_text(rng, 40);
  for (int i = 0; i < 20'000; ++i) texts.push_back(frame + " number " + std::to_string(i));
  EXPECT_EQ(find(texts).size(), texts.size() - 1);  // square time would take minutes
}

TEST(NearDuplicates, LinksToTheEarliestText) {
  Rng rng(2);
  auto const text = random_text(rng);
  auto const found = find({text + " one", random_text(rng), text + " two", text + " six"});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].earlier, 0U);
  EXPECT_EQ(found[1].earlier, 0U);
}

TEST(Jaccard, IsTheShareOfCommonPieces) {
  EXPECT_DOUBLE_EQ(jaccard({1, 2, 3}, {2, 3, 4}), 0.5);
  EXPECT_EQ(jaccard({}, {}), 0.0);
}

}  // namespace
}  // namespace polytask::audit
