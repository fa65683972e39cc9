// The reference library's encodings of nasty texts: tests/golden/text/make_encodings.py.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::text {
namespace {

namespace fs = std::filesystem;

constexpr char const* kFolder = "tests/golden/text/";

Json golden() {
  std::ifstream file(std::string(kFolder) + "encodings.json");
  return Json::parse(file);
}

Json tokenizer_json() {
  std::ifstream file(std::string(kFolder) + "tokenizer.json");
  return Json::parse(file);
}

std::unique_ptr<Tokenizer const> parsed(Json const& json) {
  return parse_tokenizer_json(json.dump(), "tokenizer.json").value();
}

/// A folder with the vocabulary and a tokenizer_config.json, gone at the end.
class VocabularyFolder {
 public:
  explicit VocabularyFolder(Json const& config) : path_(fs::path(testing::TempDir()) / "polytask_vocabulary") {
    fs::create_directories(path_);
    fs::copy_file(std::string(kFolder) + "vocab.txt", path_ / "vocab.txt", fs::copy_options::overwrite_existing);
    write_file_atomically(path_ / "tokenizer_config.json", config.dump());
  }
  ~VocabularyFolder() { fs::remove_all(path_); }
  [[nodiscard]] fs::path const& path() const { return path_; }

 private:
  fs::path path_;
};

std::unique_ptr<Tokenizer const> tokenizer_of(Json const& setting) {
  if (setting["file"] == "vocab.txt") return load_tokenizer(VocabularyFolder(setting["tokenizer_config"]).path());
  auto json = tokenizer_json();
  json["normalizer"] = setting["normalizer"];
  json["normalizer"]["type"] = "BertNormalizer";
  return parsed(json);
}

/// Offsets in code points, one after another, as the reference gives them.
std::vector<std::size_t> code_points_of(task::Encoding const& encoding, std::string_view first,
                                        std::string_view second = {}) {
  Utf8Offsets const of_first(first);
  Utf8Offsets const of_second(second);
  std::vector<std::size_t> flat;
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    auto const& text = encoding.text_index[i] == 1 ? of_second : of_first;
    flat.push_back(text.to_code_points(encoding.offsets[i].begin));
    flat.push_back(text.to_code_points(encoding.offsets[i].end));
  }
  return flat;
}

std::string shown(std::string const& text) { return Json(text).dump(-1, ' ', true).substr(0, 200); }

TEST(TokenizerGolden, IdsAndOffsetsOfNastyTextsEqualTheReferenceInEverySetting) {
  auto const reference = golden();
  for (std::size_t s = 0; s < reference["settings"].size(); ++s) {
    auto const tokenizer = tokenizer_of(reference["settings"][s]);
    for (auto const& one : reference["singles"]) {
      auto const text = one["text"].get<std::string>();
      auto const& expected = one["encodings"][one["of_setting"][s].get<std::size_t>()];
      auto const found = tokenizer->encode(text, {.max_length = 10'000});
      EXPECT_EQ(found.ids, expected["ids"].get<std::vector<std::int32_t>>())
          << shown(text) << " with " << reference["settings"][s];
      EXPECT_EQ(code_points_of(found, text), expected["offsets"].get<std::vector<std::size_t>>())
          << shown(text) << " with " << reference["settings"][s];
    }
  }
}

Truncation truncation_of(std::string const& name) {
  if (name == "only_first") return Truncation::OnlyFirst;
  return name == "only_second" ? Truncation::OnlySecond : Truncation::LongestFirst;
}

TEST(TokenizerGolden, PairsAreCutAsTheReferenceCutsThem) {
  auto const tokenizer = parsed(tokenizer_json());
  auto const reference = golden();
  for (auto const& one : reference["pairs"]) {
    auto const first = one["first"].get<std::string>();
    bool const is_pair = one["second"].is_string();
    auto const second = is_pair ? one["second"].get<std::string>() : "";
    EncodeOptions const options{.max_length = one["max_length"], .truncation = truncation_of(one["truncation"])};
    auto const found = is_pair ? tokenizer->encode_pair(first, second, options) : tokenizer->encode(first, options);
    auto const whole = is_pair ? tokenizer->encode_pair(first, second, {.max_length = 1'000})
                               : tokenizer->encode(first, {.max_length = 1'000});
    SCOPED_TRACE(fmt::format("{} + {}, {} tokens, {}", shown(first), shown(second), options.max_length,
                             one["truncation"].get<std::string>()));
    EXPECT_EQ(found.n_dropped, whole.size() - found.size());
    if (one["ids"]
            .is_null()) {  // where the reference fails, because one text alone is too short to be cut, we cut both
      EXPECT_EQ(found.size(), options.max_length);
      continue;
    }
    EXPECT_EQ(found.ids, one["ids"].get<std::vector<std::int32_t>>());
    EXPECT_EQ(found.type_ids, one["type_ids"].get<std::vector<std::uint8_t>>());
    EXPECT_EQ(code_points_of(found, first, second), one["offsets"].get<std::vector<std::size_t>>());
    for (std::size_t i = 0; i < found.size() && found.size() == one["special"].size(); ++i)
      EXPECT_EQ(found.text_index[i] == task::Encoding::kSpecial, one["special"][i] == 1) << "token " << i;
  }
}

TEST(TokenizerGolden, AddedTokensAreFoundInTheRawTextTheLongestFirst) {
  auto const reference = golden();
  auto json = tokenizer_json();
  json["added_tokens"] = reference["added_tokens"];
  auto const tokenizer = parsed(json);
  for (auto const& one : reference["with_added_tokens"]) {
    auto const text = one["text"].get<std::string>();
    auto const found = tokenizer->encode(text, {.max_length = 10'000});
    EXPECT_EQ(found.ids, one["ids"].get<std::vector<std::int32_t>>()) << shown(text);
    EXPECT_EQ(code_points_of(found, text), one["offsets"].get<std::vector<std::size_t>>()) << shown(text);
  }
}

TEST(TokenizerGolden, WhatWeSaveTokenizesAsWhatWeLoaded) {
  auto const folder = fs::path(testing::TempDir()) / "polytask_saved_tokenizer";
  auto const reference = golden();
  for (auto const& setting : reference["settings"]) {
    auto const loaded = tokenizer_of(setting);
    loaded->save(folder);
    auto const again = load_tokenizer(folder);
    for (auto const& one : reference["singles"]) {
      auto const text = one["text"].get<std::string>();
      EXPECT_EQ(again->encode(text, {}).ids, loaded->encode(text, {}).ids) << shown(text) << " with " << setting;
    }
  }
  fs::remove_all(folder);
}

/// tests/golden/text/make_characters.py.
TEST(CharactersGolden, IdsOfNastyTextsEqualTheReference) {
  std::ifstream file(std::string(kFolder) + "characters.json");
  auto const golden = Json::parse(file);
  auto const folder = fs::path(testing::TempDir()) / "polytask_characters";
  fs::create_directories(folder);
  fs::copy_file(std::string(kFolder) + "characters/vocab.txt", folder / "vocab.txt",
                fs::copy_options::overwrite_existing);
  write_file_atomically(folder / "tokenizer_config.json", golden["tokenizer_config"].dump());
  write_file_atomically(folder / "config.json", R"({"tokenizer_class": "BertJapaneseTokenizer"})");
  auto const tokenizer = load_tokenizer(folder);
  EncodeOptions const whole{.max_length = 1'000};
  for (auto const& one : golden["texts"])
    EXPECT_EQ(tokenizer->encode(one["text"].get<std::string>(), whole).ids, one["ids"].get<std::vector<std::int32_t>>())
        << one["text"];
  for (auto const& one : golden["pairs"]) {
    auto const encoding =
        tokenizer->encode_pair(one["texts"][0].get<std::string>(), one["texts"][1].get<std::string>(), whole);
    EXPECT_EQ(encoding.ids, one["ids"].get<std::vector<std::int32_t>>()) << one["texts"];
    EXPECT_EQ(encoding.type_ids, one["type_ids"].get<std::vector<std::uint8_t>>()) << one["texts"];
  }
  tokenizer->save(folder / "saved");
  EXPECT_EQ(load_tokenizer(folder / "saved")->encode("か\xE3\x82\x99 x", whole).ids,
            tokenizer->encode("か\xE3\x82\x99 x", whole).ids);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace polytask::text
