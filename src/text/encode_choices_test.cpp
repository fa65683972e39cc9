#include "text/encode_choices.h"

#include <gmock/gmock.h>

#include "text/wordpiece_tokenizer.h"

namespace polytask::text {
namespace {
using testing::ElementsAre;
using testing::SizeIs;

constexpr std::int32_t kCls = 2, kSep = 3;

/// "a" is token 5, "b" 6, and so on.
std::unique_ptr<Tokenizer const> letters() {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (char c = 'a'; c <= 'z'; ++c) tokens.push_back({c});
  return make_wordpiece(std::move(tokens), {}, "test").value();
}

TEST(EncodedChoices, ArePairsOfTheTextAndEachChoiceInTheirOrder) {
  auto const found = encode_choices(*letters(), {.texts = {"a b", "c", "d e"}}, 16);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0].ids, ElementsAre(kCls, 5, 6, kSep, 7, kSep));
  EXPECT_THAT(found[0].type_ids, ElementsAre(0, 0, 0, 0, 1, 1));
  EXPECT_THAT(found[1].ids, ElementsAre(kCls, 5, 6, kSep, 8, 9, kSep));
  EXPECT_THAT(found[1].type_ids, ElementsAre(0, 0, 0, 0, 1, 1, 1));
  EXPECT_EQ(n_dropped(found), 0u);
}

TEST(EncodedChoices, AreCutEachByItself) {
  auto const found = encode_choices(*letters(), {.texts = {"a b c d e", "f", "g h i"}}, 8);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0].ids, ElementsAre(kCls, 5, 6, 7, 8, kSep, 10, kSep)) << "the longer side loses tokens";
  EXPECT_EQ(found[1].size(), 8u);
  EXPECT_EQ(n_dropped(found), 3u) << "of the pair that loses most";
}

}  // namespace
}  // namespace polytask::text
