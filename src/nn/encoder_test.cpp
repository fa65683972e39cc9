#include "nn/encoder.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

namespace polytask::nn {
namespace {

model::EncoderConfig small_config() {
  model::EncoderConfig config;
  config.vocab_size = 50;
  config.hidden_size = 32;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 4;
  config.intermediate_size = 64;
  config.max_position_embeddings = 24;
  return config;
}

PackedTexts pack(std::vector<std::vector<std::int64_t>> const& texts) {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> positions;
  PackedTexts packed{.offsets = {0}};
  for (auto const& text : texts) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      ids.push_back(text[i]);
      positions.push_back(static_cast<std::int64_t>(i));
    }
    packed.offsets.push_back(static_cast<std::int32_t>(ids.size()));
  }
  packed.ids = torch::tensor(ids, torch::kInt64);
  packed.positions = torch::tensor(positions, torch::kInt64);
  packed.type_ids = torch::zeros_like(packed.ids);
  return packed;
}

std::vector<std::vector<std::int64_t>> const kTexts{{1, 5, 6, 2}, {1, 2}, {1, 9, 9, 30, 41, 7, 8, 2}, {3}};

TEST(Encoder, GivesABatchWhatItGivesItsSingles) {
  Encoder encoder(small_config());
  Rng rng(1);
  encoder->initialize(rng);
  torch::NoGradGuard const no_grad;
  Pass none;
  auto const together = encoder->forward(pack(kTexts), none);
  std::int64_t at = 0;
  for (auto const& text : kTexts) {
    auto const alone = encoder->forward(pack({text}), none);
    EXPECT_LT((together.narrow(0, at, alone.size(0)) - alone).abs().max().item<double>(), 1e-5);
    at += alone.size(0);
  }
}

/// As a family that is none, with all that any of them has.
model::EncoderConfig with_everything() {
  auto config = small_config();
  config.embedding_size = 12;
  config.norm_placement = model::NormPlacement::Before;
  config.is_gated = true;
  config.has_attention_bias = config.has_norm_bias = false;
  config.layer_attention = {{0, 100}, {0, 10}, {0, 10}};
  config.relative = {.span = 6, .farthest = 6, .own_projections = true, .normalized = true};
  config.convolution = {5, "tanh"};
  return config;
}

TEST(Encoder, HasTheParametersThatItsCheckpointMustHold) {
  for (auto const& config : {small_config(), with_everything()}) {
    Encoder encoder(config);
    auto const expected = model::expected_encoder_tensors(config);
    EXPECT_EQ(encoder->named_parameters().size(), expected.size());
    for (auto const& parameter : encoder->named_parameters()) {
      auto const found = expected.find(parameter.key());
      ASSERT_NE(found, expected.end()) << parameter.key();
      EXPECT_EQ(found->second, parameter.value().sizes().vec()) << parameter.key();
    }
  }
}

TEST(Encoder, DropsWhatItsSitesDropAndRepeatsItExactly) {
  auto config = with_everything();
  config.dropout = {.inner = 0.2};
  Encoder encoder(config);
  Rng rng(6);
  encoder->initialize(rng);
  auto const with_seed = [&](std::uint64_t seed) {
    Pass pass(seed);
    return encoder->forward(pack(kTexts), pass);
  };
  EXPECT_TRUE(torch::equal(with_seed(3), with_seed(3)));
  EXPECT_FALSE(torch::equal(with_seed(3), with_seed(4)));
}

TEST(Encoder, LoadsWhatItSaved) {
  Encoder one(small_config());
  Rng rng(2);
  one->initialize(rng);
  Encoder other(small_config());
  other->load(one->save());
  Pass none;
  EXPECT_TRUE(torch::equal(one->forward(pack(kTexts), none), other->forward(pack(kTexts), none)));
}

TEST(Encoder, GoesOnFromTheStatesThatTextsBringAlong) {
  for (auto const& config : {small_config(), with_everything()}) {
    Encoder encoder(config);
    Rng rng(4);
    encoder->initialize(rng);
    Pass none;
    auto texts = pack(kTexts);
    auto const expected = encoder->forward(texts, none).detach();
    for (std::int64_t n_layers = 0; n_layers <= 3; ++n_layers) {
      texts.states = torch::Tensor();
      auto const states = encoder->forward_until(texts, n_layers, none).detach();
      texts.states = states;
      texts.n_layers_done = n_layers;
      EXPECT_TRUE(torch::equal(encoder->forward(texts, none), expected)) << n_layers;
    }
    texts.n_layers_done = 2;
    EXPECT_THROW(encoder->forward_until(texts, 1, none), std::logic_error);
  }
}

TEST(Encoder, GivesNoGradientsToLayersThatAreFrozen) {
  for (auto const& config : {small_config(), with_everything()})
    for (std::int64_t n_frozen = 0; n_frozen <= 2; ++n_frozen) {
      Encoder encoder(config);
      Rng rng(5);
      encoder->initialize(rng);
      encoder->freeze(n_frozen);
      Pass none;
      encoder->forward(pack(kTexts), none).square().sum().backward();
      for (auto const& parameter : encoder->named_parameters()) {
        bool is_trained = false;
        for (auto layer = n_frozen; layer < 3; ++layer)
          is_trained |= parameter.key().starts_with("encoder.layer." + std::to_string(layer) + ".");
        EXPECT_EQ(parameter.value().grad().defined(), is_trained) << parameter.key() << " above " << n_frozen;
      }
    }
}

TEST(Encoder, RepeatsAStepWithItsDropoutExactly) {
  Encoder encoder(small_config());
  Rng rng(3);
  encoder->initialize(rng);
  Pass first(77);
  Pass second(77);
  Pass other(78);
  auto const once = encoder->forward(pack(kTexts), first);
  EXPECT_TRUE(torch::equal(once, encoder->forward(pack(kTexts), second)));
  EXPECT_FALSE(torch::equal(once, encoder->forward(pack(kTexts), other)));
}

}  // namespace
}  // namespace polytask::nn
