#include "text/tokenizer.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "text/wordpiece_tokenizer.h"
#include "text/wordpiece_trainer.h"

namespace polytask::text {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> const kTokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "a", "cafe", "!", "##n", "日", "本"};

std::unique_ptr<Tokenizer const> tokenizer() { return make_wordpiece(kTokens, {}, "test").value(); }

TEST(WordPiece, TakesTheLongestKnownPieceFirst) {
  EXPECT_THAT(tokenizer()->encode("Unaffable a", {}).ids, ElementsAre(2, 5, 6, 7, 8, 3));
}

TEST(WordPiece, AWordWithAnUnknownPieceIsUnknownAsAWhole) {
  auto const encoding = tokenizer()->encode("unxable a", {});
  EXPECT_THAT(encoding.ids, ElementsAre(2, 1, 8, 3));
  EXPECT_EQ(encoding.offsets[1], (task::ByteRange{0, 7}));
}

TEST(WordPiece, OffsetsAreBytesOfTheOriginalText) {
  auto const encoding = tokenizer()->encode("Cafe\u0301! caf\u00e9 日本", {});
  EXPECT_THAT(encoding.ids, ElementsAre(2, 9, 10, 9, 12, 13, 3));
  EXPECT_EQ(encoding.offsets[1], (task::ByteRange{0, 4}));
  EXPECT_EQ(encoding.offsets[2], (task::ByteRange{6, 7}));
  EXPECT_EQ(encoding.offsets[3], (task::ByteRange{8, 13}));
  EXPECT_EQ(encoding.offsets[4], (task::ByteRange{14, 17}));
}

TEST(WordPiece, PairsGetTheirTypeIds) {
  auto const encoding = tokenizer()->encode_pair("a", "a!", {});
  EXPECT_THAT(encoding.ids, ElementsAre(2, 8, 3, 8, 10, 3));
  EXPECT_THAT(encoding.type_ids, ElementsAre(0, 0, 0, 1, 1, 1));
  EXPECT_THAT(encoding.text_index, ElementsAre(255, 0, 255, 1, 1, 255));
}

TEST(WordPiece, TruncatesTheLongerTextFirstAndSaysHowMuch) {
  auto const encoding = tokenizer()->encode_pair("a a a a a a", "a !", {.max_length = 8});
  EXPECT_EQ(encoding.size(), 8u);
  EXPECT_EQ(encoding.n_dropped, 3u);
  EXPECT_THAT(encoding.type_ids, ElementsAre(0, 0, 0, 0, 0, 1, 1, 1));
}

TEST(WordPiece, MatchesSpecialTokensInTheRawText) {
  EXPECT_THAT(tokenizer()->encode("a [MASK]a", {}).ids, ElementsAre(2, 8, 4, 8, 3));
}

TEST(WordPiece, NeverFailsOnBrokenBytes) {
  auto const encoding = tokenizer()->encode("a \xff\xc0 a", {});
  EXPECT_THAT(encoding.ids, ElementsAre(2, 8, 8, 3));
}

TEST(TokenizerFiles, ReadWhatTheyWrite) {
  auto const folder = std::filesystem::temp_directory_path() / "polytask_tokenizer_test";
  tokenizer()->save(folder);
  auto const read = load_tokenizer(folder);
  EXPECT_EQ(read->encode("Unaffable caf\u00e9!", {}).ids, tokenizer()->encode("Unaffable caf\u00e9!", {}).ids);
  std::filesystem::remove(folder / "tokenizer.json");
  EXPECT_EQ(load_tokenizer(folder)->encode("Unaffable caf\u00e9!", {}).ids, tokenizer()->encode("Unaffable caf\u00e9!", {}).ids);
  std::filesystem::remove_all(folder);
}

std::string error_of(std::string const& json) {
  auto const result = parse_tokenizer_json(json, "tokenizer.json");
  return result ? "no error" : result.error().what();
}

TEST(TokenizerFiles, NameTheComponentThatIsNotSupported) {
  EXPECT_THAT(error_of(R"({"model": {"type": "BPE", "vocab": {}}})"), HasSubstr("\"model\" is of type \"BPE\"; only WordPiece"));
  EXPECT_THAT(error_of(R"({"model": {"type": "WordPiece", "vocab": {"a": 0}}, "normalizer": {"type": "NFKC"}})"), HasSubstr("\"normalizer\" is of type \"NFKC\""));
  EXPECT_THAT(error_of(R"([1])"), HasSubstr("not a JSON object"));
  EXPECT_THAT(error_of(R"({"model": {"type": "WordPiece", "vocab": {"a": -1}}})"), HasSubstr("has the id"));
  EXPECT_THAT(error_of(R"({"model": {"type": "WordPiece", "vocab": {"a": 9999999999}}})"), HasSubstr("has the id"));
  EXPECT_THAT(error_of(R"({"model": {"type": "WordPiece", "vocab": {"a": 0, "b": 0}}})"), HasSubstr("belongs to two tokens"));
  EXPECT_THAT(error_of(std::string(2000, '[')), HasSubstr("levels deep"));
}

TEST(TrainWordPiece, LearnsTheFrequentWordsAndIsDeterministic) {
  std::vector<std::string_view> const texts{"the cat sat", "the cat ran", "the dog sat", "a cat"};
  auto const one = train_wordpiece(texts, {.vocab_size = 60});
  auto const encoding = one->encode("the cat sat", {});
  EXPECT_EQ(encoding.size(), 5u);  // each word became one token
  EXPECT_EQ(train_wordpiece(texts, {.vocab_size = 60})->encode("the doggy ran", {}).ids, one->encode("the doggy ran", {}).ids);
}

}  // namespace
}  // namespace polytask::text
