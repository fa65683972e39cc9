#include "text/vocabulary_change.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "text/wordpiece_tokenizer.h"
#include "text/wordpiece_trainer.h"

namespace polytask::text {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> const kTokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "a"};

std::unique_ptr<Tokenizer const> tokenizer(std::vector<std::string> tokens = kTokens) {
  return make_wordpiece(std::move(tokens), {}, "test").value();
}

TEST(VocabularyChange, ATokenThatStaysIsItselfAndANewOneIsItsOldPieces) {
  auto const changed = tokenizer({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "unaffable", "##affable", "b"});
  auto const pieces = pieces_in(*tokenizer(), *changed);
  EXPECT_THAT(pieces[5], ElementsAre(8));
  EXPECT_THAT(pieces[6], ElementsAre(5, 6, 7));
  EXPECT_THAT(pieces[7], ElementsAre(6, 7));
  EXPECT_THAT(pieces[8], IsEmpty());
  EXPECT_THAT(pieces[4], ElementsAre(4));
}

TEST(VocabularyChange, AnExtensionKeepsOldIdsAndAddsTheMostFrequentPieces) {
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i) texts.push_back("zebra zebra zoo");
  std::vector<std::string_view> const views(texts.begin(), texts.end());

  auto const change = extend_wordpiece(*tokenizer(), views, 30);

  auto const parts = wordpiece_parts(*change.tokenizer).value();
  EXPECT_EQ(std::vector<std::string>(parts.tokens.begin(), parts.tokens.begin() + 9), kTokens);
  EXPECT_THAT(parts.tokens, testing::Contains("zebra"));
  EXPECT_EQ(change.old_pieces.size(), parts.tokens.size());
  EXPECT_EQ(change.tokenizer->encode("zebra", {}).ids.size(), 3);
  EXPECT_EQ(tokenizer()->encode("zebra", {}).ids[1], 1) << "it was unknown before";
}

TEST(VocabularyChange, TheSameTextsGiveTheSameTokens) {
  std::vector<std::string_view> const texts{"ab ab ab ba ba ba", "bab bab bab bab bab ab"};
  auto const first = extend_wordpiece(*tokenizer(), texts, 8, 2);
  auto const second = extend_wordpiece(*tokenizer(), texts, 8, 2);
  auto const a = wordpiece_parts(*first.tokenizer).value().tokens;
  auto const b = wordpiece_parts(*second.tokenizer).value().tokens;
  EXPECT_EQ(std::vector<std::string>(a.begin(), a.end()), std::vector<std::string>(b.begin(), b.end()));
}

TEST(VocabularyChange, OfANarrowVocabularyTheMostUsedPiecesStay) {
  auto const old = tokenizer(
      {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rare", "often", "##ly", "##er", "never", "o", "##o", "q"});
  std::vector<std::string_view> const texts{"often often often rare oftenly oftenly"};
  EXPECT_THAT(most_used_pieces(*old, texts, {}, 9),
              ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "often", "##ly", "o", "##o"))
      << "special tokens and the letters of the texts come first, then what is used, in the order of the old ids";
  EXPECT_THAT(most_used_pieces(*old, texts, {}, 100), testing::Not(testing::Contains("never")));
  EXPECT_THAT(most_used_pieces(*old, texts, {}, 100), testing::Not(testing::Contains("q")))
      << "no text has that letter";
}

TEST(WordPieceTrainer, LearnsBesideWhatIsThere) {
  std::vector<std::string_view> const texts{"zoo zoo zoo zebra zebra zebra zebra"};
  auto const narrow =
      train_wordpiece_beside({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "zoo", "z"}, texts, {}, {.vocab_size = 22});
  auto const parts = wordpiece_parts(*narrow).value();
  EXPECT_EQ(parts.tokens.size(), 22U);
  EXPECT_EQ(parts.tokens[5], "zoo");
  EXPECT_THAT(parts.tokens, testing::Contains("zebra"));
  EXPECT_EQ(std::count(parts.tokens.begin(), parts.tokens.end(), "z"), 1);
  EXPECT_EQ(narrow->encode("zoo zebra", {}).ids.size(), 4U);
  std::vector<std::string_view> const others{"café"};
  auto const letters = train_wordpiece_beside({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, texts, others,
                                              {.vocab_size = 40, .strip_accents = false});
  EXPECT_THAT(letters->encode("café", {}).ids, testing::Not(testing::Contains(1))) << "of others the letters alone";
  EXPECT_EQ(letters->encode("café", {}).ids.size(), 6U);
  EXPECT_EQ(train_wordpiece_beside({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, texts, {}, {.vocab_size = 9})
                ->vocabulary_size(),
            9U);
}

TEST(WordPieceTrainer, GivesLittleRoomToTheMostFrequentLetters) {
  std::vector<std::string_view> const texts{"yy yy yy yy zz zz zz aa bb cc dd ee ff"};
  auto const narrow =
      train_wordpiece_beside({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, texts, {}, {.vocab_size = 9});
  auto const parts = wordpiece_parts(*narrow).value();
  EXPECT_THAT(std::vector<std::string>(parts.tokens.begin() + 5, parts.tokens.end()),
              testing::UnorderedElementsAre("y", "##y", "z", "##z"));
}

TEST(WordPieceTrainer, WithoutStrippedAccentsVoicedKanaStayThemselves) {
  std::vector<std::string_view> const texts{"がが かか がか がが かか"};
  auto const bert = train_wordpiece(texts, {.vocab_size = 40});
  auto const japanese = train_wordpiece(texts, {.vocab_size = 40, .strip_accents = false});
  EXPECT_EQ(bert->encode("が", {}).ids, bert->encode("か", {}).ids);
  EXPECT_NE(japanese->encode("が", {}).ids, japanese->encode("か", {}).ids);
}

}  // namespace
}  // namespace polytask::text
