// What the engine's lower layers make of texts beside LibTorch's, and what is left of it in a store.
#include "engine/lower_states.h"

#include <gmock/gmock.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/random.h"
#include "data/frozen_states.h"
#include "nn/encoder.h"

namespace polytask {
namespace {

namespace fs = std::filesystem;
using kernels::InstructionSet;

constexpr double kExact = 1e-4;  ///< largest difference of two float32 computations of a state

struct Text {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> type_ids;
  std::size_t second_sequence = 0;
  [[nodiscard]] task::TokenSequence tokens() const { return {ids, type_ids, second_sequence}; }
};

std::vector<Text> texts(model::EncoderConfig const& config) {
  std::vector<Text> made;
  Rng rng(11);
  for (std::size_t n = 1; n <= 48; n += n < 8 ? 1 : 5) {
    Text text{.second_sequence = n % 4 == 0 ? n / 2 : 0};
    for (std::size_t i = 0; i < n; ++i) {
      text.ids.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(config.vocab_size))));
      text.type_ids.push_back(i > n / 2 ? 1 : 0);
    }
    made.push_back(std::move(text));
  }
  return made;
}

/// One text through the modules that are trained, without dropout.
std::vector<float> by_modules(nn::Encoder& encoder, Text const& text, std::int64_t n_layers) {
  torch::NoGradGuard const no_grad;
  auto const n = static_cast<std::int32_t>(text.ids.size());
  auto const middle = static_cast<std::int32_t>(text.second_sequence);
  std::vector<std::int64_t> positions;
  for (std::int32_t i = 0; i < n; ++i) positions.push_back(middle > 0 && i >= middle ? i - middle : i);
  nn::PackedTexts packed;
  packed.ids = torch::tensor(std::vector<std::int64_t>(text.ids.begin(), text.ids.end()), torch::kInt64);
  packed.type_ids = torch::tensor(std::vector<std::int64_t>(text.type_ids.begin(), text.type_ids.end()), torch::kInt64);
  packed.positions = torch::tensor(positions, torch::kInt64);
  packed.offsets = {0, n};
  packed.sequences = middle > 0 ? std::vector{0, middle, n} : packed.offsets;
  nn::Pass evaluation;
  auto const states = encoder->forward_until(packed, n_layers, evaluation).contiguous();
  return {states.data_ptr<float>(), states.data_ptr<float>() + states.numel()};
}

/// Compares every state after `n_layers` layers, as the engine computes it and as a store gives it back.
void compare(fs::path const& folder, std::int64_t n_layers, InstructionSet instructions) {
  auto const config = model::read_encoder_config(folder);
  nn::Encoder encoder(config);
  encoder->load(model::read_encoder_weights(folder, config));
  auto const lower = std::make_shared<engine::LowerStates>(
      engine::LowerStates::load(folder, n_layers, {.n_workers = 2, .instructions = instructions}));
  auto const store = fs::temp_directory_path() / ("polytask-agreement-states-" + std::to_string(::getpid()));
  fs::remove_all(store);
  data::FrozenStates frozen({.key = lower->key(),
                             .hidden_size = lower->hidden_size(),
                             .compute = [lower](auto all, auto const& take) { lower->compute(all, take); }},
                            data::StateStore(store, {.memory_bytes = 0}));
  auto const all = texts(config);
  std::vector<task::TokenSequence> sequences;
  for (auto const& text : all) sequences.push_back(text.tokens());
  ASSERT_EQ(frozen.fill(sequences, {}, {}).n_computed, all.size());
  double most_exact = 0, most_stored = 0, largest = 0;
  for (auto const& text : all) {
    auto const expected = by_modules(encoder, text, n_layers);
    std::vector<float> exact, stored(expected.size());
    lower->compute(std::vector{text.tokens()},
                   [&](std::size_t, auto states) { exact.assign(states.begin(), states.end()); });
    frozen.read(std::vector{text.tokens()}, stored);
    ASSERT_EQ(exact.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      auto const size = std::abs(static_cast<double>(expected[i]));
      auto const of_exact = std::abs(static_cast<double>(exact[i]) - expected[i]);
      auto const of_stored = std::abs(static_cast<double>(stored[i]) - expected[i]);
      ASSERT_LT(of_exact, kExact);
      ASSERT_LT(of_stored, kExact + std::max((size + kExact) * 0x1p-11, 0x1p-25));
      most_exact = std::max(most_exact, of_exact);
      most_stored = std::max(most_stored, of_stored);
      largest = std::max(largest, size);
    }
  }
  std::printf("%s, %lld layers: largest state %.3f, largest difference %.2e computed, %.2e stored\n",
              std::string(to_string(instructions)).c_str(), static_cast<long long>(n_layers), largest, most_exact,
              most_stored);
  fs::remove_all(store);
}

TEST(LowerStatesBesideLibTorch, AreTheSameToTheFourthDigitComputedAndToFloat16Stored) {
  auto const folder = fs::temp_directory_path() / ("polytask-agreement-encoder-" + std::to_string(::getpid()));
  for (auto const* activation : {"gelu", "gelu_new", "relu"}) {
    model::EncoderConfig config;
    config.vocab_size = 57;
    config.hidden_size = 30;  // fills no vector register
    config.num_attention_heads = 3;
    config.num_hidden_layers = 3;
    config.intermediate_size = 50;
    config.max_position_embeddings = 64;
    config.hidden_act = activation;
    config.initializer_range = 0.3;
    nn::Encoder encoder(config);
    Rng rng(7);
    encoder->initialize(rng);
    model::write_encoder_config(folder, config);
    model::write_encoder_weights(folder, config, encoder->save());
    for (auto const instructions : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512})
      if (instructions <= kernels::detected_instructions())
        for (std::int64_t n_layers = 1; n_layers <= 3; ++n_layers) compare(folder, n_layers, instructions);
  }
  fs::remove_all(folder);
}

TEST(LowerStatesBesideLibTorch, AreTheSameOfARealEncoder) {
  char const* const given = std::getenv("POLYTASK_SHARED");
  auto const folder = fs::path(given != nullptr ? given : "../shared") / "models/all-MiniLM-L6-v2";
  if (!fs::exists(folder))
    GTEST_SKIP() << folder.string() << " is not there; POLYTASK_SHARED names the folder of models and corpora";
  for (std::int64_t const n_layers : {1, 4, 6}) compare(folder, n_layers, kernels::detected_instructions());
}

}  // namespace
}  // namespace polytask
