#include "model/model_weights.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <limits>
#include <span>

#include "base/error.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;
using task::TaskType;
using testing::AllOf;
using testing::HasSubstr;

EncoderConfig two_layers() {
  EncoderConfig config;
  config.vocab_size = 3;
  config.hidden_size = 4;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.intermediate_size = 6;
  config.max_position_embeddings = 16;
  return config;
}

Tensor filled(std::vector<std::int64_t> const& shape, float value) {
  std::size_t n = 1;
  for (auto const size : shape) n *= static_cast<std::size_t>(size);
  return {shape, std::vector<float>(n, value)};
}

void write(fs::path const& path, std::map<std::string, Tensor> const& tensors) {
  std::vector<TensorToWrite> bytes;
  for (auto const& [name, tensor] : tensors)
    bytes.push_back({name, DType::F32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  write_safetensors(path, std::move(bytes));
}

/// A whole model: a classification of 3 labels, a tagging of 1, and one private layer.
class WeightsFolder : public testing::Test {
 protected:
  void SetUp() override {
    HeadSpec intent, things;
    intent.task = {.name = "intent", .type = TaskType::Classification, .text = {"body"}};
    intent.labels = task::LabelSet({"a", "b", "c"});
    things.task = {.name = "Things & more", .type = TaskType::Tagging, .text = {"body"}};
    things.labels = task::LabelSet({"THING"});
    spec_ = {.max_length = 16, .private_layers = 1, .heads = {intent, things}};
    std::map<std::string, Tensor> encoder, layer;
    for (auto const& [name, shape] : expected_encoder_tensors(two_layers())) {
      encoder[name] = filled(shape, 0.5F);
      if (name.starts_with("encoder.layer.1.")) layer[name] = filled(shape, 0.25F);
    }
    write_encoder_weights(folder_ / "encoder", encoder);
    write(private_, layer);
    write(head_, {{"weight", filled({3, 4}, 1)}, {"bias", filled({3}, 2)}});
    write(task_folder(folder_, "Things & more") / "head.safetensors",
          {{"weight", filled({3, 4}, 3)}, {"bias", filled({3}, 4)}});
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string error_of_reading() const {
    try {
      (void)read_model_weights(folder_, two_layers(), spec_);
    } catch (Error const& error) {
      EXPECT_EQ(exit_code(error.code()), 3);
      return error.what();
    }
    return "no error";
  }

  fs::path const folder_ = fs::path(testing::TempDir()) / "polytask_model_weights_test";
  fs::path const head_ = task_folder(folder_, "intent") / "head.safetensors";
  fs::path const private_ = private_file(folder_, Reading::Words);
  ModelSpec spec_;
};

TEST_F(WeightsFolder, IsReadWholeInTheOrderOfTheTasks) {
  auto const weights = read_model_weights(folder_, two_layers(), spec_);
  EXPECT_EQ(weights.encoder.size(), expected_encoder_tensors(two_layers()).size());
  ASSERT_EQ(weights.heads.size(), 2u);
  EXPECT_EQ(weights.heads[0].weight.values, std::vector<float>(12, 1));
  EXPECT_EQ(weights.heads[1].bias.values, std::vector<float>(3, 4));
  ASSERT_EQ(weights.private_layers.size(), 1u);
  auto const& layer = weights.private_layers.at(Reading::Words);
  EXPECT_EQ(layer.size(), 16u);
  EXPECT_EQ(layer.at("encoder.layer.1.attention.self.query.bias").values, std::vector<float>(4, 0.25F));
}

TEST_F(WeightsFolder, NamesTheHeadThatDoesNotFit) {
  write(head_, {{"weight", filled({2, 4}, 1)}, {"bias", filled({2}, 1)}});
  EXPECT_THAT(error_of_reading(), AllOf(HasSubstr("intent/head.safetensors: tensor \"bias\" has shape [2]"),
                                        HasSubstr("task.json with the encoder's config.json asks for [3]")));
  write(head_, {{"weight", filled({3, 4}, std::numeric_limits<float>::infinity())}, {"bias", filled({3}, 1)}});
  EXPECT_THAT(error_of_reading(), HasSubstr("intent/head.safetensors: tensor \"weight\" holds inf at position 0"));
  write(head_, {{"bias", filled({3}, 1)}});
  EXPECT_THAT(error_of_reading(), HasSubstr("intent/head.safetensors: has no tensor \"weight\""));
  write(head_, {{"weight", filled({3, 4}, 1)}, {"bias", filled({3}, 1)}, {"more", filled({1}, 1)}});
  EXPECT_THAT(error_of_reading(), HasSubstr("intent/head.safetensors: has 3 tensors, a head has 2"));
  std::vector<std::int32_t> const whole(12);
  write_safetensors(head_, {{"weight", DType::I32, {3, 4}, std::as_bytes(std::span(whole))},
                            {"bias", DType::I32, {3}, std::as_bytes(std::span(whole).first(3))}});
  EXPECT_THAT(error_of_reading(), HasSubstr("has dtype I32; expected floating-point weights"));
  fs::remove(head_);
  EXPECT_THAT(error_of_reading(), HasSubstr("intent/head.safetensors"));
}

TEST_F(WeightsFolder, NamesThePrivateLayersThatDoNotFit) {
  write(private_, {{"encoder.layer.1.attention.self.query.bias", filled({4}, 1)}});
  EXPECT_THAT(error_of_reading(), HasSubstr("private/words.safetensors: has no tensor \"encoder.layer.1."));
  fs::copy_file(head_, private_file(folder_, Reading::Pair));
  SetUp();
  EXPECT_THAT(error_of_reading(), HasSubstr("private/pair.safetensors: no task of model.json reads these layers"));
  fs::remove(private_file(folder_, Reading::Pair));
  EXPECT_EQ(error_of_reading(), "no error");
  fs::remove(private_);
  EXPECT_THAT(error_of_reading(), HasSubstr("private/words.safetensors"));
  spec_.private_layers = 0;
  EXPECT_EQ(error_of_reading(), "no error");
}

TEST(CheckBelongs, SaysWhichPartsAreOfDifferentModels) {
  auto const error = [](ModelSpec const& spec, std::size_t n_tokens) -> std::string {
    try {
      check_belongs("model", spec, two_layers(), n_tokens);
    } catch (Error const& failure) {
      EXPECT_EQ(failure.code(), ErrorCode::InvalidInput);
      return failure.what();
    }
    return "no error";
  };
  EXPECT_EQ(error({.max_length = 16, .private_layers = 2}, 3), "no error");
  EXPECT_THAT(error({.max_length = 16}, 4), HasSubstr("the tokenizer has 4 tokens, the encoder embeds 3"));
  EXPECT_THAT(error({.max_length = 17}, 3), HasSubstr("texts are 17 tokens long, the encoder has 16 positions"));
  EXPECT_THAT(error({.max_length = 16, .private_layers = 3}, 3), HasSubstr("3 layers are private, the encoder has 2"));
}

}  // namespace
}  // namespace polytask::model
