#include "data/language_sequences.h"

#include <gmock/gmock.h>

#include <map>

#include "base/error.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::data {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

/// a..f are words of one piece, "ghi" of three.
std::unique_ptr<text::Tokenizer const> tokenizer() {
  return text::make_wordpiece(
             {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e", "f", "g", "##h", "##i"}, {},
             "test")
      .value();
}

LanguageSequences sequences(std::vector<LanguageText> texts, std::size_t max_length = 8) {
  SeenTexts seen;
  auto const t = tokenizer();
  return sequences_of({.texts = std::move(texts)}, *t, pretraining_vocabulary(*t, "test"), max_length, true, seen, {});
}

std::vector<std::int32_t> ids_of(LanguageSequences const& sequences, std::size_t i) {
  return {sequences[i].begin(), sequences[i].end()};
}

TEST(LanguageSequences, ParagraphsOfADocumentFillASequenceAndDocumentsDoNotMix) {
  auto const made = sequences({{"a b c", "", true}, {"d e", "", false}, {"f a b", "", true}});
  ASSERT_EQ(made.size(), 2);
  EXPECT_THAT(ids_of(made, 0), ElementsAre(2, 5, 6, 7, 8, 9, 3));
  EXPECT_THAT(ids_of(made, 1), ElementsAre(2, 10, 5, 6, 3));
  EXPECT_THAT(made.teacher_texts, ElementsAre("a b c d e", "f a b"));
}

TEST(LanguageSequences, AWordIsNotCutBetweenTwoSequences) {
  auto const made = sequences({{"a b c d ghi e f", "", true}});
  ASSERT_EQ(made.size(), 2);
  EXPECT_THAT(ids_of(made, 0), ElementsAre(2, 5, 6, 7, 8, 3));
  EXPECT_THAT(ids_of(made, 1), ElementsAre(2, 11, 12, 13, 9, 10, 3));
  EXPECT_THAT(made.teacher_texts, ElementsAre("a b c d", "ghi e f"));
}

TEST(LanguageSequences, EqualSequencesAreTakenOnce) {
  auto const made = sequences({{"a b c", "", true}, {"A  b c", "", true}});
  EXPECT_EQ(made.size(), 1);
  EXPECT_EQ(made.n_repeated, 1);
}

TEST(LanguageSequences, UnknownTokensAreCounted) { EXPECT_EQ(sequences({{"a b привет", "", true}}).n_unknown, 1); }

TEST(LanguageSequences, AVocabularyWithoutAMaskCannotHideWords) {
  auto const t = text::make_wordpiece({"[UNK]", "[CLS]", "[SEP]", "a"}, {}, "test").value();
  try {
    (void)pretraining_vocabulary(*t, "encoder");
    FAIL();
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("[MASK]"));
  }
}

TEST(Masking, HidesTheShareOfTokensInWholeWordsAsDeclared) {
  auto const t = tokenizer();
  auto const vocabulary = pretraining_vocabulary(*t, "test");
  std::vector<std::int32_t> ids{2};
  for (int i = 0; i < 30; ++i)
    for (auto const id : {5, 11, 12, 13, 6}) ids.push_back(id);
  ids.push_back(3);
  Rng rng(7);
  std::map<std::string, double> counts;
  constexpr int kDraws = 2'000;
  for (int draw = 0; draw < kDraws; ++draw) {
    auto const masked = mask(ids, vocabulary, {}, rng);
    ASSERT_EQ(masked.positions.size(), masked.targets.size());
    std::vector<bool> hidden(ids.size());
    for (std::size_t i = 0; i < masked.positions.size(); ++i) {
      auto const at = static_cast<std::size_t>(masked.positions[i]);
      hidden[at] = true;
      ASSERT_EQ(masked.targets[i], ids[at]);
      counts["all"] += 1;
      counts["mask"] += masked.ids[at] == vocabulary.mask;
      counts["same"] += masked.ids[at] == ids[at];
    }
    ASSERT_FALSE(hidden.front() || hidden.back());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!hidden[i]) {
        ASSERT_EQ(masked.ids[i], ids[i]);
      }
      if (ids[i] == 11) {
        ASSERT_TRUE(hidden[i] == hidden[i + 1] && hidden[i] == hidden[i + 2]);
      }
    }
  }
  // 22.5 of 150 tokens; whole words make it a little less, as the last one may not fit.
  EXPECT_NEAR(counts["all"] / kDraws, 22.5, 0.5);
  EXPECT_NEAR(counts["mask"] / counts["all"], 0.8, 0.01);
  // A random token is the same one in 1 of 9 draws.
  EXPECT_NEAR(counts["same"] / counts["all"], 0.1 + 0.1 / 9, 0.01);
}

TEST(Masking, AShortTextStillHidesOneWord) {
  auto const t = tokenizer();
  Rng rng(1);
  for (int i = 0; i < 50; ++i) {
    auto const masked = mask(std::vector<std::int32_t>{2, 5, 3}, pretraining_vocabulary(*t, "test"), {}, rng);
    EXPECT_THAT(masked.positions, ElementsAre(1));
  }
}

}  // namespace
}  // namespace polytask::data
