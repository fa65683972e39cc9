#include "model/model_weights.h"

#include <gmock/gmock.h>

#include <limits>
#include <span>

#include "base/error.h"
#include "model/test_support.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;
using namespace test_support;
using testing::AllOf;
using testing::HasSubstr;

/// A whole model: a classification, a tagging and one private layer.
class WeightsFolder : public testing::Test {
 protected:
  std::string error_of_reading() const {
    try {
      (void)read_model_weights(folder_, two_layers(), spec_);
    } catch (Error const& error) {
      EXPECT_EQ(exit_code(error.code()), 3);
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder const temporary_;
  fs::path const folder_ = temporary_ / "model";
  ModelSpec spec_ = write_sample_model(folder_);
  fs::path const head_ = task_folder(folder_, "intent") / "head.safetensors";
  fs::path const private_ = private_file(folder_, Reading::Words);
};

TEST_F(WeightsFolder, IsReadWholeInTheOrderOfTheTasks) {
  auto const weights = read_model_weights(folder_, two_layers(), spec_);
  EXPECT_EQ(weights.encoder.size(), expected_encoder_tensors(two_layers()).size());
  ASSERT_EQ(weights.heads.size(), 2u);
  EXPECT_EQ(weights.heads[0].weight.values, std::vector<float>(12, 1));
  EXPECT_EQ(weights.heads[1].bias.values, std::vector<float>(3, 1));
  ASSERT_EQ(weights.private_layers.size(), 1u);
  auto const& layer = weights.private_layers.at(Reading::Words);
  EXPECT_EQ(layer.size(), 16u);
  EXPECT_EQ(layer.at("encoder.layer.1.attention.self.query.bias").values, std::vector<float>(4, 0.25F));
}

TEST_F(WeightsFolder, HasTheLayersThatATaskHasForItself) {
  auto const file = private_file(folder_, "intent");
  std::map<std::string, Tensor> layers;
  for (auto const& [name, shape] : expected_encoder_tensors(two_layers()))
    if (name.starts_with("encoder.layer.")) layers[name] = filled(shape, 0.75F);
  write_tensors(file, layers);
  EXPECT_THAT(error_of_reading(), AllOf(HasSubstr("tasks/intent/private.safetensors"),
                                        HasSubstr("task.json gives the task no layers for itself")));
  spec_.heads[0].private_layers = 1;
  EXPECT_THAT(error_of_reading(), HasSubstr("private.safetensors: has 32 tensors, 1 private layer has 16"));
  spec_.heads[0].private_layers = 2;
  auto const weights = read_model_weights(folder_, two_layers(), spec_);
  EXPECT_EQ(weights.heads[0].layers.size(), 32u);
  EXPECT_EQ(weights.heads[0].layers.at("encoder.layer.0.output.dense.bias").values, std::vector<float>(4, 0.75F));
  EXPECT_TRUE(weights.heads[1].layers.empty());
  write_head_weights(folder_, "intent", weights.heads[0]);
  EXPECT_EQ(read_model_weights(folder_, two_layers(), spec_).heads[0].layers.size(), 32u);
  spec_.heads[0].private_layers = 3;
  try {
    check_belongs(folder_, spec_, two_layers(), 0);
    FAIL() << "more layers than there are";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("task \"intent\" has 3 layers for itself, the encoder has 2"));
  }
}

TEST_F(WeightsFolder, NamesTheHeadThatDoesNotFit) {
  write_tensors(head_, {{"weight", filled({2, 4}, 1)}, {"bias", filled({2}, 1)}});
  EXPECT_THAT(error_of_reading(), AllOf(HasSubstr("intent/head.safetensors: tensor \"bias\" has shape [2]"),
                                        HasSubstr("task.json with the encoder's config.json asks for [3]")));
  write_tensors(head_, {{"weight", filled({3, 4}, std::numeric_limits<float>::infinity())}, {"bias", filled({3}, 1)}});
  EXPECT_THAT(error_of_reading(), HasSubstr("intent/head.safetensors: tensor \"weight\" holds inf at position 0"));
  write_tensors(head_, {{"bias", filled({3}, 1)}});
  EXPECT_THAT(error_of_reading(), HasSubstr("intent/head.safetensors: has no tensor \"weight\""));
  write_tensors(head_, {{"weight", filled({3, 4}, 1)}, {"bias", filled({3}, 1)}, {"more", filled({1}, 1)}});
  EXPECT_THAT(error_of_reading(), HasSubstr("intent/head.safetensors: has 3 tensors, a head has 2"));
  std::vector<std::int32_t> const whole(12);
  write_safetensors(head_, {{"weight", DType::I32, {3, 4}, std::as_bytes(std::span(whole))},
                            {"bias", DType::I32, {3}, std::as_bytes(std::span(whole).first(3))}});
  EXPECT_THAT(error_of_reading(), HasSubstr("has dtype I32; expected floating-point weights"));
  fs::remove(head_);
  EXPECT_THAT(error_of_reading(), HasSubstr("intent/head.safetensors"));
}

TEST_F(WeightsFolder, HasThePoolerOfAHeadThatHasOne) {
  std::map<std::string, Tensor> tensors{{"weight", filled({3, 4}, 1)}, {"bias", filled({3}, 1)}};
  EXPECT_FALSE(read_model_weights(folder_, two_layers(), spec_).heads[0].pooler.has_value());
  spec_.heads[0].pooler = Pooler::Tanh;
  EXPECT_THAT(error_of_reading(), HasSubstr("intent/head.safetensors: has no tensor \"pooler.bias\""));
  tensors["pooler.weight"] = filled({4, 4}, 2);
  tensors["pooler.bias"] = filled({3}, 3);
  write_tensors(head_, tensors);
  EXPECT_THAT(error_of_reading(), HasSubstr("tensor \"pooler.bias\" has shape [3]"));
  tensors["pooler.bias"] = filled({4}, 3);
  write_tensors(head_, tensors);
  auto const weights = read_model_weights(folder_, two_layers(), spec_);
  EXPECT_EQ(weights.heads[0].pooler.value().weight.values, std::vector<float>(16, 2));
  EXPECT_EQ(weights.heads[0].pooler->bias.values, std::vector<float>(4, 3));
  spec_.heads[0].pooler = Pooler::None;
  EXPECT_THAT(error_of_reading(), HasSubstr("has 4 tensors, a head has 2"));
}

TEST_F(WeightsFolder, NamesThePrivateLayersThatDoNotFit) {
  write_tensors(private_, {{"encoder.layer.1.attention.self.query.bias", filled({4}, 1)}});
  EXPECT_THAT(error_of_reading(), HasSubstr("private/words.safetensors: has no tensor \"encoder.layer.1."));
  fs::copy_file(head_, private_file(folder_, Reading::Pair));
  write_sample_model(folder_);
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

TEST(CheckBelongs, RefusesAPairInOneSequenceWhereTheEncoderHasOneTokenType) {
  auto one_type = two_layers();
  one_type.type_vocab_size = 1;
  auto const error = [&](HeadSpec const& head, EncoderConfig const& config) -> std::string {
    try {
      check_belongs("model", {.max_length = 16, .heads = {intent(), head}}, config, 0);
    } catch (Error const& failure) {
      EXPECT_EQ(failure.code(), ErrorCode::InvalidInput);
      return failure.what();
    }
    return "no error";
  };
  auto const pair_of = [](task::TaskType type, std::optional<task::PairEncoding> encoding = {}) {
    auto head = head_of("pairs", type, {"x", "y"});
    head.task.text = {"left", "right"};
    head.task.pair_encoding = encoding;
    return head;
  };
  using enum task::TaskType;
  for (auto const& head : {pair_of(Classification), pair_of(Tagging), pair_of(Regression, task::PairEncoding::Cross)}) {
    EXPECT_THAT(error(head, one_type), AllOf(HasSubstr("task \"pairs\" reads two texts as one sequence"),
                                             HasSubstr("needs 2 token types, the encoder has 1")));
    EXPECT_EQ(error(head, two_layers()), "no error");
  }
  EXPECT_EQ(error(pair_of(Regression), one_type), "no error") << "its texts are encoded apart";
  EXPECT_EQ(error(pair_of(Classification, task::PairEncoding::Bi), one_type), "no error");
  EXPECT_EQ(error(things(), one_type), "no error");
}

}  // namespace
}  // namespace polytask::model
