#include "text/encode_passage.h"

#include <gmock/gmock.h>

#include "text/wordpiece_tokenizer.h"

namespace polytask::text {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int32_t kCls = 2, kSep = 3;

/// "a" is token 5, "b" 6, and so on.
std::unique_ptr<Tokenizer const> letters() {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (char c = 'a'; c <= 'z'; ++c) tokens.push_back({c});
  return make_wordpiece(std::move(tokens), {}, "test").value();
}

EncodedPassage encode(std::string question, std::string context, PassageOptions const& options) {
  return encode_passage(*letters(), {.texts = {std::move(question), std::move(context)}}, options);
}

EncodedPassage::Tokens tokens(EncodedPassage const& encoded, std::size_t window) {
  return encoded.window(encoded.passage.windows.at(window));
}

TEST(EncodedPassage, IsThePairItselfWhereItFits) {
  auto const found = encode("a b", "c d e", {.max_length = 8});
  ASSERT_EQ(found.passage.windows.size(), 1u);
  EXPECT_THAT(tokens(found, 0).ids, ElementsAre(kCls, 5, 6, kSep, 7, 8, 9, kSep));
  EXPECT_THAT(tokens(found, 0).type_ids, ElementsAre(0, 0, 0, 0, 1, 1, 1, 1));
  EXPECT_EQ(found.passage.n_before, 4u);
  EXPECT_EQ(found.passage.n_after, 1u);
  EXPECT_THAT(found.passage.tokens, ElementsAre(task::ByteRange{0, 1}, task::ByteRange{2, 3}, task::ByteRange{4, 5}));
}

TEST(EncodedPassage, ShowsTheQuestionInEveryWindow) {
  auto const found = encode("a", "c d e f g h i", {.max_length = 8});
  ASSERT_EQ(found.passage.windows.size(), 3u);  // room for four
  EXPECT_THAT(tokens(found, 0).ids, ElementsAre(kCls, 5, kSep, 7, 8, 9, 10, kSep));
  EXPECT_THAT(tokens(found, 1).ids, ElementsAre(kCls, 5, kSep, 9, 10, 11, 12, kSep));
  EXPECT_THAT(tokens(found, 2).ids, ElementsAre(kCls, 5, kSep, 10, 11, 12, 13, kSep));
  EXPECT_EQ(found.n_dropped, 0u);
}

TEST(EncodedPassage, MovesByTheStride) {
  auto const found = encode("a", "c d e f g h i", {.max_length = 8, .stride = 3});
  EXPECT_THAT(found.passage.windows, ElementsAre(task::TokenRange{0, 4}, task::TokenRange{3, 7}));
}

TEST(EncodedPassage, CutsAQuestionAtHalfOfTheRoomAndSaysHowMuch) {
  auto const found = encode("a b c d e f", "x y z", {.max_length = 8});
  EXPECT_EQ(found.n_dropped, 4u);
  EXPECT_THAT(tokens(found, 0).ids, ElementsAre(kCls, 5, 6, kSep, 28, 29, 30, kSep));
}

TEST(EncodedPassage, HasOneWindowWhereTheContextIsEmpty) {
  auto const found = encode("a", "", {.max_length = 8});
  ASSERT_EQ(found.passage.windows.size(), 1u);
  EXPECT_THAT(tokens(found, 0).ids, ElementsAre(kCls, 5, kSep, kSep));
  EXPECT_THAT(found.passage.tokens, IsEmpty());
  EXPECT_EQ(found.passage.n_tokens(), 4u);
  EXPECT_THAT(tokens(encode("", "", {}), 0).ids, ElementsAre(kCls, kSep, kSep));
}

TEST(EncodedPassage, KnowsTheBytesOfEveryToken) {
  std::string const context = "c \xe6\x97\xa5 d";
  auto const found = encode("a", context, {.max_length = 8});
  ASSERT_EQ(found.passage.tokens.size(), 3u);
  EXPECT_EQ(found.passage.tokens[1], (task::ByteRange{2, 5}));
  EXPECT_EQ(found.passage.tokens[2], (task::ByteRange{6, 7}));
}

}  // namespace
}  // namespace polytask::text
