#include "hub/encoder_files.h"

#include <gmock/gmock.h>

namespace polytask::hub {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

EncoderFiles of(std::set<std::string> const& names) {
  return encoder_files([&](std::string const& name) { return names.contains(name); });
}

TEST(EncoderFiles, AreThoseThatAreReadAndTheWeightsComeLast) {
  auto const files =
      of({"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json",
          "model.safetensors", "pytorch_model.bin", "README.md", "model.safetensors.index.json"});
  EXPECT_THAT(files.read, ElementsAre("config.json", "tokenizer.json", "model.safetensors"));
  EXPECT_THAT(files.beside, ElementsAre("tokenizer_config.json", "special_tokens_map.json"));
  EXPECT_EQ(files.lack, "");
}

TEST(EncoderFiles, WithoutATokenizerJsonAreTheVocabularyAndWhatDecidesBesideIt) {
  EXPECT_THAT(of({"config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors.index.json"}).read,
              ElementsAre("config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors.index.json"));
  EXPECT_THAT(of({"config.json", "sentencepiece.bpe.model", "model.safetensors"}).read,
              ElementsAre("config.json", "sentencepiece.bpe.model", "model.safetensors"));
  EXPECT_THAT(of({"config.json", "spm.model", "model.safetensors"}).read,
              ElementsAre("config.json", "spm.model", "model.safetensors"));
}

TEST(EncoderFiles, SayWhatIsMissing) {
  EXPECT_EQ(of({"config.json", "tokenizer.json", "pytorch_model.bin"}).lack, "no model.safetensors");
  EXPECT_THAT(of({}).lack, HasSubstr("no config.json, none of tokenizer.json"));
}

TEST(EncoderFiles, OfAnIndexAreItsShards) {
  EXPECT_THAT(
      shards_of(
          R"({"metadata":{},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors","c":"model-1.safetensors"}})",
          "index")
          .value(),
      ElementsAre("model-1.safetensors", "model-2.safetensors"));
  for (auto const* text : {"", "[]", "{}", R"({"weight_map":{}})", R"({"weight_map":{"a":7}})",
                           R"({"weight_map":{"a":"../x.safetensors"}})", R"({"weight_map":{"a":"/x.safetensors"}})",
                           R"({"weight_map":{"a":"x.bin"}})", R"({"weight_map":{"a":".x.safetensors"}})"}) {
    auto const shards = shards_of(text, "index");
    ASSERT_FALSE(shards) << text;
    EXPECT_EQ(shards.error().code(), ErrorCode::Corrupt);
  }
}

TEST(EncoderFiles, HaveLimits) {
  EXPECT_LT(largest_size("config.json"), largest_size("tokenizer.json"));
  EXPECT_LT(largest_size("tokenizer.json"), largest_size("model.safetensors"));
}

}  // namespace
}  // namespace polytask::hub
