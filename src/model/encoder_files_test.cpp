#include "model/encoder_files.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "model/compact_weights.h"
#include "model/test_support.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr char const* kConfig = R"({"vocab_size": 3, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
                                    "intermediate_size": 6, "max_position_embeddings": 5)";

EncoderConfig tiny_config() { return parse_encoder_config(std::string(kConfig) + "}", "config.json"); }

std::map<std::string, Tensor> tiny_weights() {
  std::map<std::string, Tensor> weights;
  for (auto const& [name, shape] : expected_encoder_tensors(tiny_config())) {
    std::int64_t n = 1;
    for (auto const size : shape) n *= size;
    weights[name] = {shape, std::vector<float>(static_cast<std::size_t>(n), 0.5F)};
  }
  return weights;
}

/// Weights of any family by their names in a file.
std::map<std::string, Tensor> published_of(EncoderConfig const& config) {
  std::map<std::string, Tensor> weights;
  for (auto const& [name, shape] : expected_encoder_tensors(config)) weights[name] = test_support::filled(shape, 0.5F);
  return published_weights(config, weights);
}

/// An empty folder, gone at the end.
class EncoderFolder : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::string error_of_reading(EncoderConfig const& config = tiny_config()) const {
    try {
      (void)read_encoder_weights(folder_, config);
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }
  std::string error_with(std::map<std::string, Tensor> const& weights,
                         EncoderConfig const& config = tiny_config()) const {
    test_support::write_tensors(folder_ / "model.safetensors", weights);
    return error_of_reading(config);
  }

  fs::path const folder_ = fs::path(testing::TempDir()) / "polytask_encoder_files_test";
};

std::string error_of_config(std::string const& more) {
  try {
    (void)parse_encoder_config(std::string(kConfig) + ", " + more + "}", "config.json");
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(EncoderConfig, NamesTheKeyThatAsksForWhatIsNotBuilt) {
  EXPECT_EQ(
      error_of_config(
          R"("model_type": "bert", "hidden_act": "gelu_pytorch_tanh", "is_decoder": false, "position_embedding_type": null)"),
      "no error");
  EXPECT_THAT(error_of_config(R"("hidden_act": "silu")"), HasSubstr("\"hidden_act\" is \"silu\"; expected"));
  EXPECT_THAT(error_of_config(R"("position_embedding_type": "relative_key")"),
              HasSubstr("\"position_embedding_type\""));
  EXPECT_THAT(error_of_config(R"("is_decoder": true)"), HasSubstr("\"is_decoder\" is"));
  EXPECT_THAT(error_of_config(R"("add_cross_attention": true)"), HasSubstr("\"add_cross_attention\" is"));
  EXPECT_THAT(error_of_config(R"("layer_norm_eps": "small")"), HasSubstr("\"layer_norm_eps\""));
}

TEST_F(EncoderFolder, IsReadAsItWasWritten) {
  write_encoder_weights(folder_, tiny_config(), tiny_weights());
  auto const read = read_encoder_weights(folder_, tiny_config());
  ASSERT_EQ(read.size(), tiny_weights().size());
  for (auto const& [name, tensor] : tiny_weights()) EXPECT_EQ(read.at(name).values, tensor.values) << name;
}

TEST_F(EncoderFolder, OfAByteAWeightIsReadTheSame) {
  write_compact_weights(folder_, tiny_weights());  // all of one size, so that nothing is rounded
  auto const read = read_encoder_weights(folder_, tiny_config());
  ASSERT_EQ(read.size(), tiny_weights().size());
  for (auto const& [name, tensor] : tiny_weights()) {
    EXPECT_EQ(read.at(name).shape, tensor.shape) << name;
    EXPECT_THAT(read.at(name).values, testing::Each(testing::FloatEq(0.5F))) << name;
  }
}

TEST_F(EncoderFolder, IsReadWholeByTheNamesOfItsFile) {
  auto weights = tiny_weights();
  weights["cls.predictions.bias"] = {{3}, {1, 2, 3}};
  write_compact_weights(folder_, weights);
  auto const all = read_all_tensors(folder_);
  ASSERT_EQ(all.size(), weights.size());
  for (auto const& [name, tensor] : weights) {
    EXPECT_EQ(all.at(name).shape, tensor.shape) << name;
    EXPECT_THAT(all.at(name).values, testing::Pointwise(testing::FloatEq(), tensor.values)) << name;
  }
}

TEST_F(EncoderFolder, OfAByteAWeightNamesTheTensorThatDoesNotFit) {
  auto weights = tiny_weights();
  weights["embeddings.word_embeddings.weight"] = {{4, 4}, std::vector<float>(16, 0.5F)};
  write_compact_weights(folder_, weights);
  EXPECT_THAT(error_of_reading(), AllOf(HasSubstr("word_embeddings.weight"), HasSubstr("[4, 4]"), HasSubstr("[3, 4]")));
}

TEST_F(EncoderFolder, WithBytesUnderTheUsualNameIsRefused) {
  write_compact_weights(folder_, tiny_weights());
  fs::rename(folder_ / kCompactWeights, folder_ / "model.safetensors");
  EXPECT_THAT(error_of_reading(), HasSubstr("I8"));
}

TEST_F(EncoderFolder, WithAPickleOnlyIsRefusedWithTheReason) {
  for (auto const* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    write_file_atomically(folder_ / name, "anything");
    EXPECT_THAT(error_of_reading(), AllOf(HasSubstr(name), HasSubstr("a pickle file can run any program"),
                                          HasSubstr("safe_serialization=True")))
        << name;
    fs::remove(folder_ / name);
  }
}

TEST_F(EncoderFolder, OfAnotherLibrarySaysHowToConvertIt) {
  for (auto const* name : {"model.ckpt.index", "tf_model.h5"}) {
    write_file_atomically(folder_ / name, "anything");
    EXPECT_THAT(error_of_reading(),
                AllOf(HasSubstr(name), HasSubstr("only safetensors"), HasSubstr("safe_serialization=True")))
        << name;
    fs::remove(folder_ / name);
  }
}

TEST_F(EncoderFolder, WithBothIsReadFromSafetensors) {
  write_file_atomically(folder_ / "pytorch_model.bin", "anything");
  EXPECT_EQ(error_with(tiny_weights()), "no error");
}

TEST_F(EncoderFolder, WithoutWeightsSaysWhatIsMissing) {
  EXPECT_THAT(error_of_reading(), HasSubstr("has neither model.safetensors nor"));
}

TEST_F(EncoderFolder, NamesTheTensorThatDoesNotFit) {
  auto weights = tiny_weights();
  weights.erase("encoder.layer.0.output.dense.bias");
  EXPECT_THAT(error_with(weights), HasSubstr("has no tensor \"encoder.layer.0.output.dense.bias\" of shape [4]"));

  weights = tiny_weights();
  weights["encoder.layer.0.output.dense.bias"] = {{2, 2}, std::vector<float>(4)};
  EXPECT_THAT(error_with(weights), HasSubstr("has shape [2, 2], config.json asks for [4]"));

  weights = tiny_weights();
  weights["encoder.layer.1.output.dense.bias"] = {{4}, std::vector<float>(4)};
  EXPECT_THAT(error_with(weights), HasSubstr("which no encoder of this config.json has"));

  weights = tiny_weights();
  weights["embeddings.LayerNorm.weight"].values[2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error_with(weights), HasSubstr("\"embeddings.LayerNorm.weight\" holds nan at position 2"));

  weights = tiny_weights();
  weights["bert.embeddings.LayerNorm.bias"] = weights["embeddings.LayerNorm.bias"];
  EXPECT_THAT(error_with(weights), HasSubstr("stands twice in the folder"));
}

TEST_F(EncoderFolder, OfAnotherFamilyIsSpokenOfInItsOwnNames) {
  auto const config = parse_encoder_config(
      R"({"model_type": "distilbert", "vocab_size": 3, "dim": 4, "n_layers": 1, "n_heads": 2, "hidden_dim": 6})",
      "config.json");
  auto published = published_of(config);
  auto const error = [&] { return error_with(published, config); };
  EXPECT_EQ(error(), "no error");
  published["transformer.layer.0.ffn.lin1.weight"] = test_support::filled({5, 4}, 0.5F);
  EXPECT_THAT(error(),
              HasSubstr("tensor \"transformer.layer.0.ffn.lin1.weight\" has shape [5, 4], config.json asks for "
                        "[6, 4]"));
  published.erase("transformer.layer.0.ffn.lin1.weight");
  EXPECT_THAT(error(), HasSubstr("has no tensor \"transformer.layer.0.ffn.lin1.weight\" of shape [6, 4]"));
}

TEST_F(EncoderFolder, WithAConvolutionNamesWhatDoesNotFitIt) {
  auto const config = parse_encoder_config(
      R"({"model_type": "deberta-v2", "conv_kernel_size": 3, "vocab_size": 3, "hidden_size": 4, "num_hidden_layers": 2,
          "num_attention_heads": 2, "intermediate_size": 6, "max_position_embeddings": 5})",
      "config.json");
  auto published = published_of(config);
  EXPECT_EQ(error_with(published, config), "no error");
  published["encoder.conv.conv.weight"] = test_support::filled({4, 4, 5}, 0.5F);
  EXPECT_THAT(error_with(published, config),
              HasSubstr("tensor \"encoder.conv.conv.weight\" has shape [4, 4, 5], config.json asks for [4, 4, 3]"));
  published.erase("encoder.conv.conv.weight");
  EXPECT_THAT(error_with(published, config),
              HasSubstr("has no tensor \"encoder.conv.conv.weight\" of shape [4, 4, 3]"));
  auto without = config;
  without.convolution.reset();
  EXPECT_THAT(error_with(published_of(config), without),
              HasSubstr("holds the tensor \"encoder.conv.LayerNorm.bias\", which no encoder of this config.json has"));
}

TEST_F(EncoderFolder, ReadsOnlyShardsThatLieBesideTheirIndex) {
  auto const with_shard = [&](std::string const& file) {
    write_file_atomically(folder_ / "model.safetensors.index.json",
                          fmt::format(R"({{"weight_map": {{"embeddings.LayerNorm.bias": "{}"}}}})", file));
    return error_of_reading();
  };
  for (auto const* file : {"../model.safetensors", "a/b.safetensors", "..", "", "weights.bin"})
    EXPECT_THAT(with_shard(file), HasSubstr("expected the plain name of a .safetensors file")) << file;
  EXPECT_THAT(with_shard("absent.safetensors"), HasSubstr("absent.safetensors"));
  write_file_atomically(folder_ / "model.safetensors.index.json", "{}");
  EXPECT_THAT(error_of_reading(), HasSubstr("has no \"weight_map\""));
}

}  // namespace
}  // namespace polytask::model
