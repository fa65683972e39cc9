// Japanese encoders whose words are MeCab's. Left out, with a line, where Debian's IPADIC is not installed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/internal/mecab_words.h"
#include "text/tokenizer.h"

#ifdef __SANITIZE_ADDRESS__
/// MeCab itself loses some hundred bytes of each dictionary that it does not read.
extern "C" char const* __lsan_default_suppressions() { return "leak:libmecab.so\n"; }
#endif

namespace polytask::text {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr char const* kDictionary = "/var/lib/mecab/dic/ipadic-utf8";
constexpr EncodeOptions kWhole{.max_length = std::size_t{1} << 30};

class MecabTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(fs::path(kDictionary) / "sys.dic"))
      GTEST_SKIP() << "no IPADIC of MeCab's here: apt-get install mecab-ipadic-utf8";
    unsetenv("POLYTASK_MECAB_IPADIC");
    unsetenv("POLYTASK_MECAB_UNIDIC_LITE");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ifstream file("tests/golden/text/japanese_words.json");
    golden_ = Json::parse(file);
    fs::copy_file("tests/golden/text/japanese_words/vocab.txt", folder_ / "vocab.txt");
    configure(golden_["tokenizer_config"]);
  }

  void TearDown() override {
    unsetenv("POLYTASK_MECAB_IPADIC");
    fs::remove_all(folder_);
  }

  void configure(Json const& json) const { write_file_atomically(folder_ / "tokenizer_config.json", json.dump()); }

  std::string error(fs::path const& folder) const {
    try {
      (void)load_tokenizer(folder);
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }

  std::string error_with(char const* key, Json const& value) const {
    auto json = golden_["tokenizer_config"];
    json[key] = value;
    configure(json);
    return error(folder_);
  }

  static std::vector<std::string> words_of(std::string_view text) {
    auto const words = MecabWords::open("ipadic", "").value();
    std::vector<std::string> found;
    words.find(text, [&](std::size_t begin, std::size_t end) { found.emplace_back(text.substr(begin, end - begin)); });
    return found;
  }

  fs::path folder_ = fs::path(testing::TempDir()) / "polytask_mecab";
  Json golden_;
};

/// tests/golden/text/make_japanese_words.py.
TEST_F(MecabTest, IdsOfNastyTextsEqualTheReference) {
  auto const tokenizer = load_tokenizer(folder_);
  for (auto const& one : golden_["texts"])
    EXPECT_EQ(tokenizer->encode(one["text"].get<std::string>(), kWhole).ids,
              one["ids"].get<std::vector<std::int32_t>>())
        << one["text"];
  for (auto const& one : golden_["pairs"]) {
    auto const encoding =
        tokenizer->encode_pair(one["texts"][0].get<std::string>(), one["texts"][1].get<std::string>(), kWhole);
    EXPECT_EQ(encoding.ids, one["ids"].get<std::vector<std::int32_t>>()) << one["texts"];
    EXPECT_EQ(encoding.type_ids, one["type_ids"].get<std::vector<std::uint8_t>>()) << one["texts"];
  }
}

TEST_F(MecabTest, OffsetsAreThoseOfTheRawText) {
  std::string const text = "ｱｲｽｸﾘｰﾑを 2個買う";
  auto const encoding = load_tokenizer(folder_)->encode(text, kWhole);
  std::string covered;
  std::size_t end = 0;
  for (std::size_t i = 1; i + 1 < encoding.size(); ++i) {
    auto const range = encoding.offsets[i];
    ASSERT_GE(range.begin, end) << i;
    end = range.end;
    covered += text.substr(range.begin, range.end - range.begin);
  }
  EXPECT_EQ(covered, "ｱｲｽｸﾘｰﾑを2個買う");
}

TEST_F(MecabTest, FindsWordsAndLeavesWhiteSpaceOut) {
  EXPECT_THAT(words_of("すもももももももものうち"),
              testing::ElementsAre("すもも", "も", "もも", "も", "もも", "の", "うち"));
  EXPECT_THAT(words_of(" 東京  に\t\n行く "), testing::ElementsAre("東京", "に", "行く"));
  EXPECT_TRUE(words_of("").empty());
  EXPECT_TRUE(words_of(" \t\n").empty());
}

TEST_F(MecabTest, WhiteSpaceOfAnotherKindCutsWordsToo) {
  EXPECT_THAT(words_of("東京\r大阪\x1c京都\xC2\x85神戸\xE3\x80\x80奈良"),
              testing::ElementsAre("東京", "大阪", "京都", "神戸", "奈良"));
}

TEST_F(MecabTest, NothingIsLostBehindAZeroByteOrAVeryLongSpace) {
  std::string_view const with_zero("前\0後", 7);
  EXPECT_THAT(words_of(with_zero), testing::Contains(HasSubstr("後")));
  auto const words = words_of("東京" + std::string(200'000, ' ') + "大阪");
  EXPECT_THAT(words, testing::ElementsAre("東京", "大阪"));
}

TEST_F(MecabTest, AMegabyteWithoutASpaceIsCutLikeItsSentences) {
  std::string text;
  std::vector<std::string> expected;
  auto const one = words_of("昨日口座に振り込みました。");
  while (text.size() < 1'000'000) {
    text += "昨日口座に振り込みました。";
    expected.insert(expected.end(), one.begin(), one.end());
  }
  EXPECT_EQ(words_of(text), expected);
}

/// Whose costs would leave MeCab's 32 bits, or which it would read again from every character.
TEST_F(MecabTest, LongTextsAreCutInTimeThatGrowsAsTheyDo) {
  auto const repeated = [](std::string const& part, std::size_t n_bytes) {
    std::string text;
    while (text.size() < n_bytes) text += part;
    return text;
  };
  for (std::string const part : {"x1", "A1-B2-C3\n", "a", "漢", "ー", "\xF0\x9F\x98\x80", "1"}) {
    auto const text = repeated(part, 200'000);
    auto const words = words_of(text);
    std::size_t longest = 0, n_bytes = 0;
    for (auto const& word : words) {
      longest = std::max(longest, word.size());
      n_bytes += word.size();
    }
    EXPECT_LE(longest, MecabWords::kLongestRun) << part;
    EXPECT_EQ(n_bytes,
              static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return c != '\n'; })))
        << part;
  }
}

TEST_F(MecabTest, ThreadsShareADictionary) {
  auto const tokenizer = load_tokenizer(folder_);
  auto const texts = golden_["texts"];
  std::vector<std::thread> threads;
  std::atomic<int> n_wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 5; ++repeat)
        for (auto const& one : texts)
          if (tokenizer->encode(one["text"].get<std::string>(), kWhole).ids !=
              one["ids"].get<std::vector<std::int32_t>>())
            ++n_wrong;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(n_wrong, 0);
}

TEST_F(MecabTest, ASavedFolderInsistsOnItsDictionary) {
  auto const tokenizer = load_tokenizer(folder_);
  auto const saved = folder_ / "saved";
  fs::create_directories(saved);
  tokenizer->save(saved);
  auto const again = load_tokenizer(saved);
  EXPECT_EQ(again->outside_digest(), tokenizer->outside_digest());
  EXPECT_EQ(again->encode("口座に振り込む", kWhole).ids, tokenizer->encode("口座に振り込む", kWhole).ids);

  // The same dictionary elsewhere is as good; another one is not.
  auto const other = folder_ / "a dictionary";
  fs::create_directories(other);
  for (auto const* file : {"char.bin", "matrix.bin", "sys.dic", "unk.dic", "dicrc"})
    fs::copy_file(fs::canonical(fs::path(kDictionary) / file), other / file);
  setenv("POLYTASK_MECAB_IPADIC", other.c_str(), 1);
  EXPECT_EQ(error(saved), "no error");
  auto bytes = read_file(other / "unk.dic", 1 << 24);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_atomically(other / "unk.dic", bytes);
  EXPECT_THAT(error(saved),
              AllOf(HasSubstr("another version than the encoder learned with"),
                    HasSubstr(tokenizer->outside_digest().substr(0, 12)), HasSubstr("POLYTASK_MECAB_IPADIC")));
}

TEST_F(MecabTest, SaysWhichDictionaryIsMissing) {
  EXPECT_THAT(
      error_with("mecab_kwargs", {{"mecab_dic", "unidic_lite"}}),
      HasSubstr("MeCab's dictionary unidic_lite: set POLYTASK_MECAB_UNIDIC_LITE to its folder; it is dicdir of"));
  for (auto const& unnamed : {Json(), Json::object(), Json{{"mecab_dic", nullptr}}})
    EXPECT_THAT(error_with("mecab_kwargs", unnamed), HasSubstr("names no dictionary; write in its \"mecab_dic\""))
        << unnamed;
  EXPECT_THAT(error_with("mecab_kwargs", {{"mecab_dic", "jumandic"}}),
              HasSubstr("names the dictionary \"jumandic\" of MeCab's; expected ipadic, unidic_lite or unidic"));
  EXPECT_THAT(error_with("mecab_kwargs", {{"mecab_option", "-d /x"}}), HasSubstr("\"mecab_option\""));
  EXPECT_THAT(error_with("mecab_kwargs", {{"mecab_dic", 3}}), HasSubstr("\"mecab_dic\" is \"3\""));
  EXPECT_THAT(error_with("polytask_mecab_sha256", "12"), HasSubstr("expected the SHA-256 of a dictionary"));
  EXPECT_THAT(error_with("polytask_mecab_sha256", 5), HasSubstr("\"polytask_mecab_sha256\" is \"5\"; expected a word"));
  configure(golden_["tokenizer_config"]);
  setenv("POLYTASK_MECAB_IPADIC", "/nowhere", 1);
  EXPECT_THAT(error(folder_),
              AllOf(HasSubstr("tokenizer_config.json: POLYTASK_MECAB_IPADIC names \"/nowhere\", which is not there"),
                    testing::Not(HasSubstr("install"))));
}

TEST_F(MecabTest, ADictionaryOfAnotherNameIsRefused) {
  setenv("POLYTASK_MECAB_UNIDIC_LITE", kDictionary, 1);
  setenv("POLYTASK_MECAB_UNIDIC", kDictionary, 1);
  for (std::string const name : {"unidic_lite", "unidic"})
    EXPECT_THAT(error_with("mecab_kwargs", {{"mecab_dic", name}}),
                HasSubstr("has another dictionary than " + name + " (its costs are of 1316 contexts)"));
  unsetenv("POLYTASK_MECAB_UNIDIC_LITE");
  unsetenv("POLYTASK_MECAB_UNIDIC");
}

TEST_F(MecabTest, AFileInThePlaceOfItsFolderIsNamed) {
  auto const file = (fs::path(kDictionary) / "sys.dic").string();
  setenv("POLYTASK_MECAB_IPADIC", file.c_str(), 1);
  EXPECT_THAT(error(folder_), HasSubstr(file + "\", which is a file; name its folder"));
}

TEST_F(MecabTest, SaysWhatIsWrongWithADictionary) {
  auto const broken = folder_ / "broken";
  fs::create_directories(broken);
  setenv("POLYTASK_MECAB_IPADIC", broken.c_str(), 1);
  write_file_atomically(broken / "sys.dic", "no dictionary");
  EXPECT_THAT(error(folder_), AllOf(HasSubstr("is no dictionary as MeCab reads it"), HasSubstr("char.bin")));
  for (auto const* file : {"char.bin", "matrix.bin", "unk.dic", "dicrc"})
    fs::copy_file(fs::canonical(fs::path(kDictionary) / file), broken / file);
  EXPECT_THAT(error(folder_), HasSubstr("MeCab does not read the dictionary"));
  auto const bytes = read_file(fs::path(kDictionary) / "sys.dic", std::uintmax_t{1} << 28);
  write_file_atomically(broken / "sys.dic", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(error(folder_), HasSubstr("MeCab does not read the dictionary"));
  // Words of another dictionary, which the hash of this one would not tell.
  write_file_atomically(broken / "sys.dic", bytes);
  auto const dicrc = read_file(broken / "dicrc", 1 << 20);
  write_file_atomically(broken / "dicrc", dicrc + "\nuserdic = " + (broken / "unk.dic").string() + "\n");
  EXPECT_NE(error(folder_), "no error");
  // Debian has it in EUC-JP too.
  auto const euc = fs::path("/var/lib/mecab/dic/ipadic");
  if (fs::exists(euc / "sys.dic")) {
    setenv("POLYTASK_MECAB_IPADIC", euc.c_str(), 1);
    EXPECT_THAT(error(folder_), HasSubstr("expected one of UTF-8"));
  }
}

}  // namespace
}  // namespace polytask::text
