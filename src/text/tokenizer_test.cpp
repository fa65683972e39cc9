#include "text/tokenizer.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/wordpiece_tokenizer.h"
#include "text/wordpiece_trainer.h"

namespace polytask::text {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> const kTokens{"[PAD]",  "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff",
                                       "##able", "a",     "cafe",  "!",     "##n",    "日", "本"};

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

TEST(WordPiece, CountsWhatItCutsAwayWithoutHoldingIt) {
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "un[MASK]able ";  // two words, each known, and a special token
  auto const whole = tokenizer()->encode(text, {.max_length = 1'000'000});
  EXPECT_EQ(whole.n_dropped, 0u);
  for (std::size_t const max_length : {8u, 9u, 10u, 500u}) {
    auto const cut = tokenizer()->encode(text, {.max_length = max_length});
    EXPECT_EQ(cut.size(), max_length);
    EXPECT_EQ(cut.size() + cut.n_dropped, whole.size());
    EXPECT_TRUE(std::equal(cut.ids.begin(), cut.ids.end() - 1, whole.ids.begin()));
    EXPECT_TRUE(std::equal(cut.offsets.begin(), cut.offsets.end() - 1, whole.offsets.begin()));
    EXPECT_LE(cut.ids.capacity(), max_length);
  }
  for (auto const truncation : {Truncation::LongestFirst, Truncation::OnlyFirst, Truncation::OnlySecond}) {
    auto const pair = tokenizer()->encode_pair(text, text, {.max_length = 100, .truncation = truncation});
    EXPECT_EQ(pair.size(), 100u);
    EXPECT_EQ(pair.size() + pair.n_dropped, 2 * whole.size() - 1) << "one special token less than two texts have";
  }
}

TEST(WordPiece, MatchesSpecialTokensInTheRawText) {
  EXPECT_THAT(tokenizer()->encode("a [MASK]a", {}).ids, ElementsAre(2, 8, 4, 8, 3));
}

TEST(WordPiece, NeverFailsOnBrokenBytes) {
  auto const encoding = tokenizer()->encode("a \xff\xc0 a", {});
  EXPECT_THAT(encoding.ids, ElementsAre(2, 8, 8, 3));
  auto const raw =
      make_wordpiece(kTokens, {.clean_text = false}, "test").value();  // where nothing is cleaned they are U+FFFD
  EXPECT_EQ(raw->encode("a \xff a \xc0", {}).ids, raw->encode("a \uFFFD a \uFFFD", {}).ids);
}

TEST(TokenizerFiles, ReadWhatTheyWrite) {
  auto const folder = std::filesystem::temp_directory_path() / "polytask_tokenizer_test";
  tokenizer()->save(folder);
  auto const read = load_tokenizer(folder);
  EXPECT_EQ(read->encode("Unaffable caf\u00e9!", {}).ids, tokenizer()->encode("Unaffable caf\u00e9!", {}).ids);
  std::filesystem::remove(folder / "tokenizer.json");
  EXPECT_EQ(load_tokenizer(folder)->encode("Unaffable caf\u00e9!", {}).ids,
            tokenizer()->encode("Unaffable caf\u00e9!", {}).ids);
  std::filesystem::remove_all(folder);
}

std::string error_of(std::string const& json) {
  auto const result = parse_tokenizer_json(json, "tokenizer.json");
  return result ? "no error" : result.error().what();
}

TEST(TokenizerFiles, NameTheComponentThatIsNotSupported) {
  EXPECT_THAT(error_of(R"({"model": {"type": "WordLevel", "vocab": {}}})"),
              HasSubstr("\"model\" is of type \"WordLevel\"; supported are WordPiece, BPE and Unigram"));
  EXPECT_THAT(error_of(R"({"model": {"type": "WordPiece", "vocab": {"a": 0}}, "normalizer": {"type": "NFKC"}})"),
              HasSubstr("\"normalizer\" is of type \"NFKC\""));
  EXPECT_THAT(error_of(R"([1])"), HasSubstr("not a JSON object"));
  EXPECT_THAT(error_of(R"({"model": {"type": "WordPiece", "vocab": {"a": -1}}})"), HasSubstr("has the id"));
  EXPECT_THAT(error_of(R"({"model": {"type": "WordPiece", "vocab": {"a": 9999999999}}})"), HasSubstr("has the id"));
  EXPECT_THAT(error_of(R"({"model": {"type": "WordPiece", "vocab": {"a": 0, "b": 0}}})"),
              HasSubstr("belongs to two tokens"));
  EXPECT_THAT(error_of(std::string(2000, '[')), HasSubstr("levels deep"));
}

/// A whole tokenizer with one part replaced.
std::string error_with(std::string const& key, std::string const& part) {
  auto json = Json::parse(
      R"({"added_tokens": [], "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
    "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3}}})");
  json[key] = Json::parse(part);
  return error_of(json.dump());
}

TEST(TokenizerFiles, NameThePartThatWouldChangeTheTokens) {
  EXPECT_EQ(error_with("decoder", R"({"type": "ByteLevel"})"), "no error");  // ids do not depend on it
  EXPECT_EQ(error_with("padding", R"({"strategy": "BatchLongest"})"), "no error");
  EXPECT_EQ(error_with("normalizer", "null"), "no error");
  EXPECT_EQ(error_with("normalizer", R"({"type": "Sequence", "normalizers": [{"type": "BertNormalizer"}]})"),
            "no error");
  EXPECT_THAT(error_with("normalizer", R"({"type": "Sequence", "normalizers": [{"type": "Magic"}]})"),
              HasSubstr("of type \"Magic\""));
  EXPECT_THAT(error_with("normalizer", R"({"type": "BertNormalizer", "lowercase": "yes"})"),
              HasSubstr("\"lowercase\" is"));
  EXPECT_THAT(error_with("pre_tokenizer", "null"), HasSubstr("no \"pre_tokenizer\""));
  EXPECT_EQ(error_with("pre_tokenizer", R"({"type": "Whitespace"})"), "no error");
  EXPECT_THAT(error_with("pre_tokenizer", R"({"type": "UnicodeScripts"})"),
              HasSubstr("\"pre_tokenizer\" is of type \"UnicodeScripts\""));
  EXPECT_THAT(error_with("post_processor", "null"), HasSubstr("no \"post_processor\""));
  EXPECT_THAT(error_with("post_processor", R"({"type": "RobertaProcessing"})"), HasSubstr("\"RobertaProcessing\""));
  EXPECT_THAT(error_with("post_processor", R"({"type": "BertProcessing", "cls": ["[CLS]", 3], "sep": ["[SEP]", 2]})"),
              HasSubstr("gives \"[CLS]\" the id"));
  EXPECT_THAT(error_with("model", R"({"type": "Unigram", "vocab": [["a", 0.0]]})"), HasSubstr("\"unk_id\" is"));
}

TEST(TokenizerFiles, RefuseTemplatesThatAreNotBerts) {
  auto const with = [](std::string const& single, std::string const& tokens) {
    auto const special = [](char const* id, int type) {
      return Json{{"SpecialToken", {{"id", id}, {"type_id", type}}}};
    };
    auto const text = [](char const* id, int type) { return Json{{"Sequence", {{"id", id}, {"type_id", type}}}}; };
    Json json{{"type", "TemplateProcessing"}, {"special_tokens", Json::parse(tokens)}};
    json["single"] = single == "bert" ? Json::array({special("[CLS]", 0), text("A", 0), special("[SEP]", 0)})
                                      : Json::array({text("A", 0), special("[SEP]", 0)});
    json["pair"] =
        Json::array({special("[CLS]", 0), text("A", 0), special("[SEP]", 0), text("B", 1), special("[SEP]", 1)});
    return error_with("post_processor", json.dump());
  };
  EXPECT_EQ(with("bert", R"({"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}})"), "no error");
  EXPECT_THAT(with("no cls", "{}"), HasSubstr("are not BERT's"));
  EXPECT_THAT(with("bert", R"({"[SEP]": {"id": "[SEP]", "ids": [1], "tokens": ["[CLS]"]}})"),
              HasSubstr("gives \"[SEP]\" the id"));
  EXPECT_THAT(with("bert", R"({"[SEP]": {"id": "[SEP]", "ids": [2, 2], "tokens": ["[SEP]", "[SEP]"]}})"),
              HasSubstr("expected one id"));
}

TEST(TokenizerFiles, RefuseAddedTokensThatMatchInAnotherWay) {
  for (std::string const option : {"single_word", "lstrip", "rstrip", "normalized"}) {
    EXPECT_EQ(error_with("added_tokens", R"([{"id": 4, "content": "<e>", ")" + option + R"(": false}])"), "no error");
    EXPECT_THAT(error_with("added_tokens", R"([{"id": 4, "content": "<e>", ")" + option + R"(": true}])"),
                HasSubstr("the added token \"<e>\" is \"" + option + "\""));
  }
}

/// What `load_tokenizer` says of a vocab.txt beside these files.
std::string error_beside_vocabulary(std::string const& name, std::string const& content) {
  auto const folder = std::filesystem::path(testing::TempDir()) / "polytask_vocabulary_errors";
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
  write_file_atomically(folder / name, content);
  std::string message = "no error";
  try {
    (void)load_tokenizer(folder);
  } catch (Error const& error) {
    message = error.what();
  }
  std::filesystem::remove_all(folder);
  return message;
}

TEST(TokenizerFiles, RefuseAVocabularyThatNamesATokenTwice) {
  EXPECT_THAT(error_beside_vocabulary("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\na\n"),
              testing::HasSubstr("vocab.txt: the token \"a\" stands twice in the vocabulary (second at 7)"));
}

TEST(TokenizerFiles, NameTheConfigurationBesideAVocabularyThatIsNotSupported) {
  auto const with = [](std::string const& json) { return error_beside_vocabulary("tokenizer_config.json", json); };
  EXPECT_EQ(
      with(
          R"({"tokenizer_class": "BertTokenizerFast", "never_split": [], "added_tokens_decoder": {"5": {"content": "a"}}})"),
      "no error");
  EXPECT_THAT(with(R"([])"), HasSubstr("not a JSON object"));
  EXPECT_THAT(with(R"({"tokenizer_class": "BertJapaneseTokenizer"})"),
              HasSubstr("\"word_tokenizer_type\" is \"basic\""));
  EXPECT_THAT(with(R"({"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab", )"
                   R"("subword_tokenizer_type": "sentencepiece"})"),
              HasSubstr("\"subword_tokenizer_type\" is \"sentencepiece\"; expected wordpiece or character"));
  EXPECT_THAT(with(R"({"mecab_kwargs": {"mecab_dic": "ipadic"}})"),
              HasSubstr("has options of BertJapaneseTokenizer, and the class is \"BertTokenizer\""));
  EXPECT_THAT(with(R"({"tokenizer_class": 5})"), HasSubstr("\"tokenizer_class\" is \"5\"; expected a name"));
  auto const of_characters = [&](std::string const& more) {
    return with(R"({"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab", )"
                R"("subword_tokenizer_type": "character")" +
                more + "}");
  };
  EXPECT_EQ(of_characters(""), "no error");
  EXPECT_THAT(of_characters(R"(, "do_subword_tokenize": false)"), HasSubstr("\"do_subword_tokenize\" is false"));
  EXPECT_THAT(of_characters(R"(, "do_lower_case": true)"), HasSubstr("\"do_lower_case\" is true"));
  EXPECT_THAT(of_characters(R"(, "mecab_kwargs": [])"), HasSubstr("no object of options"));
  EXPECT_THAT(with(R"({"tokenizer_class": "BertJapaneseTokenizer", "subword_tokenizer_type": "character"})"),
              HasSubstr("\"word_tokenizer_type\" is \"basic\""));
  EXPECT_THAT(error_beside_vocabulary("config.json", R"({"tokenizer_class": "BertJapaneseTokenizer"})"),
              HasSubstr("config.json: \"word_tokenizer_type\" is \"basic\""));
  EXPECT_THAT(with(R"({"do_basic_tokenize": false})"), HasSubstr("\"do_basic_tokenize\" is false"));
  EXPECT_THAT(with(R"({"never_split": ["a"]})"), HasSubstr("\"never_split\""));
  EXPECT_THAT(with(R"({"do_lower_case": "no"})"), HasSubstr("\"do_lower_case\" is"));
  EXPECT_THAT(with(R"({"cls_token": "<s>"})"), HasSubstr("the special token \"<s>\" is not in the vocabulary"));
  EXPECT_THAT(with(R"({"cls_token": 7})"), HasSubstr("expected a token"));
  EXPECT_THAT(with(R"({"mask_token": {"content": "[MASK]", "lstrip": true}})"),
              HasSubstr("the added token \"[MASK]\" is \"lstrip\""));
  EXPECT_THAT(with(R"({"added_tokens_decoder": {"6": {"content": "<e>"}}})"),
              HasSubstr("the added token \"<e>\" has the id"));
  EXPECT_EQ(error_beside_vocabulary("added_tokens.json", "{}"), "no error");
  EXPECT_THAT(error_beside_vocabulary("added_tokens.json", R"({"<e>": 6})"),
              HasSubstr("save the tokenizer as tokenizer.json"));
}

TEST(TrainWordPiece, LearnsTheFrequentWordsAndIsDeterministic) {
  std::vector<std::string_view> const texts{"the cat sat", "the cat ran", "the dog sat", "a cat"};
  auto const one = train_wordpiece(texts, {.vocab_size = 60});
  auto const encoding = one->encode("the cat sat", {});
  EXPECT_EQ(encoding.size(), 5u);  // each word became one token
  EXPECT_EQ(train_wordpiece(texts, {.vocab_size = 60})->encode("the doggy ran", {}).ids,
            one->encode("the doggy ran", {}).ids);
}

}  // namespace
}  // namespace polytask::text
