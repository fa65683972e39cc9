#include "model/encoder_config.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "model/encoder_files.h"

namespace polytask::model {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kSizes = R"("vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2,
                           "intermediate_size": 6)";

EncoderConfig parsed(std::string const& keys) { return parse_encoder_config("{" + keys + "}", "config.json"); }
EncoderConfig of(std::string const& type, std::string const& more = {}) {
  return parsed(R"("model_type": ")" + type + R"(", )" + kSizes + (more.empty() ? "" : ", " + more));
}
std::string error_of(std::string const& keys) {
  try {
    (void)parsed(keys);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(EncoderFamilies, AreNamedWhereAnotherIsAskedFor) {
  auto const error = error_of(R"("model_type": "gpt2")");
  EXPECT_THAT(error, HasSubstr("config.json: \"model_type\" is \"gpt2\"; expected \"bert\""));
  for (auto const& type : supported_model_types()) EXPECT_THAT(error, HasSubstr("\"" + type + "\""));
}

TEST(EncoderFamilies, AreReadAsTheyWereWritten) {
  for (auto const& type : supported_model_types()) {
    auto const config = type == "distilbert"
                            ? parsed(R"("model_type": "distilbert", "vocab_size": 9, "dim": 4, "n_layers": 2,
                                        "n_heads": 2, "hidden_dim": 6, "dropout": 0.2)")
                            : of(type);
    EXPECT_EQ(config.model_type, type);
    EXPECT_EQ(parse_encoder_config(encoder_config_text(config), "again"), config) << type;
  }
}

TEST(EncoderFamilies, CountPositionsOfRobertaFromBehindThePadding) {
  auto const config = of("roberta", R"("max_position_embeddings": 514, "pad_token_id": 1, "type_vocab_size": 1)");
  EXPECT_EQ(config.first_position, 2);
  EXPECT_EQ(config.longest_text(), 512);
  EXPECT_TRUE(config.reads_pairs());
  EXPECT_THAT(
      error_of(std::string(R"("model_type": "roberta", "pad_token_id": 7, "max_position_embeddings": 8, )") + kSizes),
      HasSubstr("\"max_position_embeddings\" is 8; expected more than \"pad_token_id\" + 1 (8)"));
}

TEST(EncoderFamilies, KnowWhetherAPairNeedsTypes) {
  EXPECT_FALSE(of("bert", R"("type_vocab_size": 1)").reads_pairs());
  EXPECT_TRUE(of("bert").reads_pairs());
  EXPECT_TRUE(of("roberta", R"("type_vocab_size": 1)").reads_pairs());
}

TEST(EncoderFamilies, HaveTablesOfTheirOwnWidthInElectra) {
  auto const shapes = expected_encoder_tensors(of("electra", R"("embedding_size": 2)"));
  EXPECT_EQ(shapes.at("embeddings.word_embeddings.weight"), (std::vector<std::int64_t>{9, 2}));
  EXPECT_EQ(shapes.at("embeddings.LayerNorm.weight"), (std::vector<std::int64_t>{2}));
  EXPECT_EQ(shapes.at("embeddings.projection.weight"), (std::vector<std::int64_t>{4, 2}));
  EXPECT_FALSE(
      expected_encoder_tensors(of("electra", R"("embedding_size": 4)")).contains("embeddings.projection.weight"));
}

TEST(EncoderFamilies, OfModernBertHaveWindowsInAllButEveryThirdLayer) {
  auto const config = parsed(R"("model_type": "modernbert", "vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 5,
                                "num_attention_heads": 2, "intermediate_size": 6, "global_attn_every_n_layers": 3,
                                "local_attention": 128, "global_rope_theta": 160000.0, "local_rope_theta": null)");
  LayerAttention const all{0, 160'000}, window{64, 160'000};
  EXPECT_THAT(config.layer_attention, ElementsAre(all, window, window, all, window));
  EXPECT_EQ(config.norm_placement, NormPlacement::Before);
  auto const shapes = expected_encoder_tensors(config);
  EXPECT_FALSE(shapes.contains("encoder.layer.0.attention.output.LayerNorm.weight"));
  EXPECT_TRUE(shapes.contains("encoder.layer.1.attention.output.LayerNorm.weight"));
  EXPECT_TRUE(shapes.contains("encoder.layer.4.output_norm.weight"));
  EXPECT_FALSE(shapes.contains("encoder.layer.1.attention.self.query.bias"));
}

TEST(EncoderFamilies, OfModernBertTakeTheWordsOfNewerFilesToo) {
  auto const config = of("modernbert", R"("layer_types": ["sliding_attention", "full_attention"], "local_attention": 10,
      "rope_parameters": {"full_attention": {"rope_theta": 500.0, "rope_type": "default"},
                          "sliding_attention": {"rope_theta": 20.0}})");
  EXPECT_THAT(config.layer_attention, ElementsAre(LayerAttention{5, 20}, LayerAttention{0, 500}));
}

TEST(EncoderFamilies, OfModernBertRefuseWhatIsNotBuilt) {
  auto const error = [](std::string const& more) {
    return error_of(R"("model_type": "modernbert", )" + std::string(kSizes) + ", " + more);
  };
  EXPECT_THAT(error(R"("layer_types": ["full_attention"])"), HasSubstr("for each of the 2 layers"));
  EXPECT_THAT(error(R"("layer_types": ["full_attention", "chunked_attention"])"), HasSubstr("\"sliding_attention\""));
  EXPECT_THAT(error(R"("rope_scaling": {"rope_type": "yarn"})"), HasSubstr("\"rope_scaling\" is"));
  EXPECT_THAT(error(R"("rope_parameters": {"full_attention": {"rope_type": "yarn"}})"),
              HasSubstr("\"rope_type\" default"));
  EXPECT_THAT(error(R"("max_position_embeddings": 16000000)"), HasSubstr("16000000; expected at most 131072"));
  EXPECT_THAT(error(R"("local_attention": 1)"),
              HasSubstr("\"local_attention\" is \"1\"; expected a whole number from 2"));
  EXPECT_THAT(error(R"("hidden_activation": "silu")"), HasSubstr("\"hidden_activation\" is \"silu\""));
}

TEST(EncoderFamilies, OfModernBertKeepThreeProjectionsInOneTensor) {
  auto const config = of("modernbert", R"("max_position_embeddings": 8)");
  std::map<std::string, Tensor> weights;
  float value = 0;
  for (auto const& [name, shape] : expected_encoder_tensors(config)) {
    std::size_t n = 1;
    for (auto const size : shape) n *= static_cast<std::size_t>(size);
    weights[name] = {shape, std::vector<float>(n, value += 1)};
  }
  auto const published = published_weights(config, weights);
  auto const& qkv = published.at("layers.1.attn.Wqkv.weight");
  EXPECT_EQ(qkv.shape, (std::vector<std::int64_t>{12, 4}));
  for (auto const& [row, part] : {std::pair(0, "query"), std::pair(4, "key"), std::pair(8, "value")})
    EXPECT_EQ(qkv.values[static_cast<std::size_t>(4 * row)],
              weights.at(std::string("encoder.layer.1.attention.self.") + part + ".weight").values[0])
        << part;
  EXPECT_EQ(published.at("layers.0.mlp.Wi.weight").shape, (std::vector<std::int64_t>{12, 4}));
  EXPECT_TRUE(published.contains("final_norm.weight"));
}

TEST(EncoderFamilies, OfDebertaHaveTheTableThatTheirDistancesNeed) {
  auto const v3 = of("deberta-v2", R"("relative_attention": true, "position_buckets": 256, "max_relative_positions": -1,
      "pos_att_type": "p2c|c2p", "share_att_key": true, "norm_rel_ebd": "layer_norm", "position_biased_input": false)");
  ASSERT_TRUE(v3.relative);
  EXPECT_EQ(*v3.relative, (RelativePositions{.span = 256, .buckets = 256, .farthest = 512, .normalized = true}));
  auto const shapes = expected_encoder_tensors(v3);
  EXPECT_EQ(shapes.at("embeddings.relative.weight"), (std::vector<std::int64_t>{512, 4}));
  EXPECT_FALSE(shapes.contains("embeddings.position_embeddings.weight"));
  EXPECT_FALSE(shapes.contains("encoder.layer.0.attention.self.position_key.weight"));
  auto const own =
      of("deberta-v2", R"("relative_attention": true, "max_relative_positions": 7, "pos_att_type": ["c2p"])");
  EXPECT_EQ(own.relative->span, 7);
  EXPECT_FALSE(own.relative->position_to_content);
  EXPECT_TRUE(expected_encoder_tensors(own).contains("encoder.layer.0.attention.self.position_key.weight"));
}

TEST(EncoderFamilies, OfDebertaHaveTheirConvolutionInTheFirstLayer) {
  auto const config = of("deberta-v2", R"("conv_kernel_size": 3, "conv_act": "gelu", "conv_groups": 1)");
  EXPECT_EQ(config.convolution, (Convolution{3, "gelu"}));
  EXPECT_EQ(parse_encoder_config(encoder_config_text(config), "again"), config);
  auto const shapes = expected_encoder_tensors(config);
  EXPECT_EQ(shapes.at("encoder.layer.0.convolution.conv.weight"), (std::vector<std::int64_t>{4, 4, 3}));
  EXPECT_EQ(shapes.at("encoder.layer.0.convolution.conv.bias"), (std::vector<std::int64_t>{4}));
  EXPECT_EQ(shapes.at("encoder.layer.0.convolution.LayerNorm.weight"), (std::vector<std::int64_t>{4}));
  EXPECT_TRUE(shapes.contains("encoder.layer.0.convolution.LayerNorm.bias"));
  EXPECT_FALSE(shapes.contains("encoder.layer.1.convolution.conv.weight"));
  EXPECT_EQ(of("deberta-v2", R"("conv_kernel_size": 5)").convolution, (Convolution{5, "tanh"}));
  EXPECT_EQ(of("deberta-v2", R"("conv_kernel_size": 1, "conv_act": "gelu_pytorch_tanh")").convolution,
            (Convolution{1, "gelu_new"}));
  for (auto const* none : {R"("conv_kernel_size": 0, "conv_act": "silu", "conv_groups": 2)", R"("conv_act": "silu")",
                           R"("conv_kernel_size": null)"})
    EXPECT_FALSE(of("deberta-v2", none).convolution) << none;
}

TEST(EncoderFamilies, OfDebertaRefuseAConvolutionThatIsNotBuilt) {
  auto const error = [](std::string const& more) {
    return error_of(R"("model_type": "deberta-v2", )" + std::string(kSizes) + ", " + more);
  };
  EXPECT_THAT(error(R"("conv_kernel_size": 4)"), HasSubstr("\"conv_kernel_size\" is 4; expected 0, or an odd number"));
  EXPECT_THAT(error(R"("conv_kernel_size": -1)"), HasSubstr("\"conv_kernel_size\" is \"-1\"; expected a whole number"));
  EXPECT_THAT(error(R"("conv_kernel_size": "3")"), HasSubstr("\"conv_kernel_size\" is"));
  EXPECT_THAT(error(R"("conv_kernel_size": 3, "conv_act": "silu")"),
              HasSubstr("\"conv_act\" is \"silu\"; expected \"tanh\", \"gelu\""));
  EXPECT_THAT(error(R"("conv_kernel_size": 3, "conv_groups": 2)"),
              AllOf(HasSubstr("\"conv_groups\" is \"2\"; expected 1"), HasSubstr("is not built")));
}

TEST(EncoderFamilies, OfDebertaRefuseWhatIsNotBuilt) {
  auto const error = [](std::string const& more) {
    return error_of(R"("model_type": "deberta-v2", "relative_attention": true, )" + std::string(kSizes) + ", " + more);
  };
  EXPECT_THAT(error(R"("pos_att_type": "p2p")"), HasSubstr("\"pos_att_type\" is"));
  EXPECT_THAT(error(R"("pos_att_type": 3)"), HasSubstr("\"pos_att_type\" is"));
  EXPECT_THAT(error(R"("norm_rel_ebd": "rms")"), HasSubstr("\"norm_rel_ebd\" is \"rms\""));
  EXPECT_THAT(error(R"("position_buckets": 600, "max_relative_positions": 256)"),
              HasSubstr("\"position_buckets\" is 600"));
  EXPECT_THAT(error_of(R"("model_type": "deberta-v2", "pos_att_type": "c2p", )" + std::string(kSizes)),
              HasSubstr("\"relative_attention\" is false"));
}

TEST(EncoderFamilies, NameTheKeyThatIsWrongInTheirOwnWords) {
  EXPECT_THAT(error_of(R"("model_type": "distilbert", "vocab_size": 9, "dim": 5, "n_layers": 2, "n_heads": 2,
                          "hidden_dim": 6)"),
              HasSubstr("\"dim\" is 5; expected a multiple of \"n_heads\" (2)"));
  EXPECT_THAT(error_of(R"("model_type": "distilbert", "vocab_size": 9, "hidden_size": 4)"),
              HasSubstr("\"dim\" is missing"));
}

TEST(EncoderDropout, IsOneRateWhereverTheFamilyDropsAnything) {
  auto config = of("bert", R"("hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.2)");
  EXPECT_FALSE(single_dropout(config));
  set_dropout(config, 0.3);
  EXPECT_EQ(single_dropout(config), 0.3);
  EXPECT_EQ(config.dropout.inner, 0);
  config.model_type = "distilbert";
  set_dropout(config, 0.3);
  EXPECT_EQ(config.dropout.attended, 0);
  EXPECT_EQ(config.dropout.output, 0.3);
}

}  // namespace
}  // namespace polytask::model
