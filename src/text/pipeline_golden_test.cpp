// The reference library's encodings with the steps of RoBERTa, ModernBERT, XLM-R and DeBERTa-v3, and with other ways to
// cut words: tests/golden/text/make_pipelines.py.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::text {
namespace {

constexpr char const* kFolder = "tests/golden/text/";
constexpr EncodeOptions kWhole{.max_length = std::size_t{1} << 30};

Json const& golden() {
  static Json const json = [] {
    std::ifstream file(std::string(kFolder) + "pipelines.json");
    return Json::parse(file);
  }();
  return json;
}

std::unique_ptr<Tokenizer const> tokenizer_of(std::string const& name) {
  auto const path = fmt::format("{}pipelines/{}.json", kFolder, name);
  return parse_tokenizer_json(read_file(path, 1 << 24), path).value();
}

/// "id,begin,end id,begin,end ..." in code points.
std::string line_of(task::Encoding const& encoding, std::string_view text) {
  Utf8Offsets const offsets(text);
  std::string line;
  for (std::size_t i = 0; i < encoding.size(); ++i)
    line +=
        fmt::format("{}{},{},{}", i == 0 ? "" : " ", encoding.ids[i], offsets.to_code_points(encoding.offsets[i].begin),
                    offsets.to_code_points(encoding.offsets[i].end));
  return line + "\n";
}

std::string digest(Tokenizer const& tokenizer, std::vector<std::string> const& texts) {
  std::string lines;
  for (auto const& text : texts) lines += line_of(tokenizer.encode(text, kWhole), text);
  return sha256_hex(lines).substr(0, 16);
}

std::string shown(std::string const& text) { return Json(text).dump(-1, ' ', true).substr(0, 200); }

class PipelineGolden : public testing::TestWithParam<char const*> {};
class PipelineCodePointsGolden : public PipelineGolden {};  ///< those whose steps differ
class PipelinePairsGolden : public PipelineGolden {};       ///< those whose templates differ

TEST_P(PipelineGolden, IdsAndOffsetsOfNastyTextsEqualTheReference) {
  auto const tokenizer = tokenizer_of(GetParam());
  auto const texts = golden()["texts"].get<std::vector<std::string>>();
  auto const& expected = golden()["pipelines"][GetParam()]["texts"];
  ASSERT_EQ(texts.size(), expected.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(digest(*tokenizer, {texts[i]}), expected[i].get<std::string>())
        << shown(texts[i]) << ": " << line_of(tokenizer->encode(texts[i], kWhole), texts[i]);
}

TEST_P(PipelineGolden, IdsAndOffsetsOfRandomTextsEqualTheReference) {
  auto const tokenizer = tokenizer_of(GetParam());
  auto const texts = golden()["random"].get<std::vector<std::string>>();
  auto const n = golden()["random_block"].get<std::ptrdiff_t>();
  auto const& expected = golden()["pipelines"][GetParam()]["random"];
  for (std::ptrdiff_t block = 0; block * n < std::ssize(texts); ++block)
    EXPECT_EQ(digest(*tokenizer, {texts.begin() + block * n, texts.begin() + (block + 1) * n}),
              expected[static_cast<std::size_t>(block)].get<std::string>())
        << "random texts from " << block * n;
}

/// As texts_of in make_pipelines.py.
std::vector<std::string> texts_around(char32_t code_point) {
  std::string c;
  append_utf8(c, code_point);
  return {"aB" + c + "b",
          "1" + c,
          "!" + c + " " + c,
          c + "\u0301" + c,
          "a\u302e" + c + "\u0323e" + c,
          " " + c + c + "\u200d" + c};
}

TEST_P(PipelineCodePointsGolden, TextsAroundEveryCodePointEqualTheReference) {
  auto const tokenizer = tokenizer_of(GetParam());
  auto const n = golden()["code_point_block"].get<char32_t>();
  for (auto const& [name, expected] : golden()["pipelines"][GetParam()]["code_points"].items()) {
    auto const begin = static_cast<char32_t>(std::stoul(name, nullptr, 16));
    std::string lines;
    for (char32_t c = std::max<char32_t>(begin, 1); c < begin + n; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      for (auto const& text : texts_around(c)) lines += line_of(tokenizer->encode(text, kWhole), text);
    }
    EXPECT_EQ(sha256_hex(lines).substr(0, 16), expected.get<std::string>()) << "in the block from U+" << name;
  }
}

TEST_P(PipelinePairsGolden, PairsAreCutAsTheReferenceCutsThem) {
  auto const& pairs = golden()["pipelines"][GetParam()]["pairs"];
  auto const tokenizer = tokenizer_of(GetParam());
  for (auto const& one : pairs) {
    auto const first = one["first"].get<std::string>(), second = one["second"].get<std::string>();
    auto const found = tokenizer->encode_pair(first, second, {.max_length = one["max_length"]});
    SCOPED_TRACE(fmt::format("{} + {}, {} tokens", shown(first), shown(second), one["max_length"].get<int>()));
    EXPECT_EQ(found.ids, one["ids"].get<std::vector<std::int32_t>>());
    EXPECT_EQ(found.type_ids, one["type_ids"].get<std::vector<std::uint8_t>>());
    EXPECT_EQ(found.n_dropped, tokenizer->encode_pair(first, second, kWhole).size() - found.size());
    Utf8Offsets const of_first(first), of_second(second);
    std::vector<std::size_t> offsets;
    for (std::size_t i = 0; i < found.size(); ++i) {
      auto const& text = found.text_index[i] == 1 ? of_second : of_first;
      offsets.push_back(text.to_code_points(found.offsets[i].begin));
      offsets.push_back(text.to_code_points(found.offsets[i].end));
    }
    EXPECT_EQ(offsets, one["offsets"].get<std::vector<std::size_t>>());
    std::vector<int> special;
    for (auto const text : found.text_index) special.push_back(text == task::Encoding::kSpecial ? 1 : 0);
    EXPECT_EQ(special, one["special"].get<std::vector<int>>());
  }
}

TEST_P(PipelineGolden, WhatWeSaveIsWhatWeLoaded) {
  auto const folder = std::filesystem::path(testing::TempDir()) / fmt::format("polytask_saved_{}", GetParam());
  tokenizer_of(GetParam())->save(folder);
  EXPECT_EQ(read_file(folder / "tokenizer.json", 1 << 24),
            read_file(fmt::format("{}pipelines/{}.json", kFolder, GetParam()), 1 << 24));
  auto const again = load_tokenizer(folder);
  EXPECT_EQ(again->vocabulary_size(), tokenizer_of(GetParam())->vocabulary_size());
  std::filesystem::remove_all(folder);
}

/// A folder with nothing but a SentencePiece model, gone at the end.
class ModelFolder {
 public:
  explicit ModelFolder(std::string const& name)
      : path_(std::filesystem::path(testing::TempDir()) / ("polytask_" + name)) {
    std::filesystem::create_directories(path_);
    std::filesystem::copy_file(fmt::format("{}pipelines/{}", kFolder, name), path_ / name,
                               std::filesystem::copy_options::overwrite_existing);
  }
  ~ModelFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(SentencePieceGolden, FoldersWithAModelFileAloneAreReadAsTheReferenceReadsThem) {
  std::ifstream file(std::string(kFolder) + "sentencepiece.json");
  auto const expected = Json::parse(file);
  auto const texts = golden()["texts"].get<std::vector<std::string>>();
  for (auto const& [name, of_model] : expected["models"].items()) {
    ModelFolder const folder(name);
    auto const tokenizer = load_tokenizer(folder.path());
    EXPECT_EQ(tokenizer->vocabulary_size(), of_model["vocabulary_size"].get<std::size_t>());
    for (std::size_t i = 0; i < texts.size(); ++i)
      EXPECT_EQ(digest(*tokenizer, {texts[i]}), of_model["texts"][i].get<std::string>())
          << name << ", " << shown(texts[i]) << ": " << line_of(tokenizer->encode(texts[i], kWhole), texts[i]);
    tokenizer->save(folder.path() / "saved");
    EXPECT_EQ(load_tokenizer(folder.path() / "saved")->encode(texts[4], {}).ids, tokenizer->encode(texts[4], {}).ids);
  }
}

std::string name_of(testing::TestParamInfo<char const*> const& tested) {
  std::string name = tested.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Of, PipelineGolden,
                         testing::Values("roberta", "roberta-prefix", "modernbert", "bytes-of-everything",
                                         "xlm-roberta", "deberta-v3", "deberta-lower", "one-piece", "llama-3", "words",
                                         "splits", "bert-runs", "bert-by-steps"),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Of, PipelineCodePointsGolden,
                         testing::Values("modernbert", "bytes-of-everything", "xlm-roberta", "one-piece", "words",
                                         "bert-runs"),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Of, PipelinePairsGolden, testing::Values("roberta", "xlm-roberta", "deberta-v3"), name_of);

}  // namespace
}  // namespace polytask::text
