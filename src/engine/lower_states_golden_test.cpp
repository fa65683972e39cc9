// What the engine makes of texts beside the reference library: tests/golden/model/make_encoders.py, make_families.py.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "engine/lower_states.h"
#include "model/encoder_files.h"

namespace polytask::engine {
namespace {

using kernels::InstructionSet;
using kernels::Precision;

constexpr double kStates = 1e-4;  ///< largest difference of a hidden state

std::vector<std::int64_t> integers(model::TensorView const& view) {
  expects(view.dtype == model::DType::I64, "the making script writes int64");
  std::vector<std::int64_t> values(view.bytes.size() / sizeof(std::int64_t));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

/// A small encoder, texts for it, and the states that the reference library makes of them.
class EngineGolden : public testing::TestWithParam<char const*> {
 protected:
  EngineGolden() {
    auto const file = model::SafetensorsFile::open(folder_ / "expected.safetensors");
    reference_ = file.tensors().at("states").to_floats();
    auto const ids = integers(file.tensors().at("ids"));
    auto const types = integers(file.tensors().at("type_ids"));
    ids_.assign(ids.begin(), ids.end());
    types_.assign(types.begin(), types.end());
    offsets_ = integers(file.tensors().at("offsets"));
    for (std::size_t t = 0; t + 1 < offsets_.size(); ++t) {
      auto const first = static_cast<std::size_t>(offsets_[t]);
      auto const n = static_cast<std::size_t>(offsets_[t + 1]) - first;
      texts_.push_back({std::span(ids_).subspan(first, n), std::span(types_).subspan(first, n), 0});
    }
  }

  [[nodiscard]] LowerStates load(LowerStates::Options const& options) const {
    return LowerStates::load(folder_, model::read_encoder_config(folder_).num_hidden_layers, options);
  }
  enum class Texts { Together, Alone };
  /// Of all tokens, [tokens, hidden]; of texts alone, each in a call of its own.
  [[nodiscard]] std::vector<float> states_of(LowerStates const& engine, Texts how = Texts::Together) const {
    std::vector<float> all(reference_.size(), std::nanf(""));
    auto const keep = [&](std::size_t text, std::span<float const> states) {
      std::copy(states.begin(), states.end(), all.begin() + offsets_[text] * engine.hidden_size());
    };
    if (how == Texts::Together) engine.compute(texts_, keep);
    for (std::size_t t = 0; how == Texts::Alone && t < texts_.size(); ++t)
      engine.compute(std::span(&texts_[t], 1), [&](std::size_t, auto states) { keep(t, states); });
    return all;
  }

  std::filesystem::path folder_ = std::filesystem::path("tests/golden/model") / GetParam();
  std::vector<float> reference_;
  std::vector<std::int32_t> ids_;
  std::vector<std::uint8_t> types_;
  std::vector<std::int64_t> offsets_;
  std::vector<task::TokenSequence> texts_;
};

TEST_P(EngineGolden, StatesEqualTheReferenceWithEveryInstructionSet) {
  for (auto const instructions : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512}) {
    if (instructions > kernels::detected_instructions()) continue;
    auto const states = states_of(load({.instructions = instructions}));
    double largest = 0;
    for (std::size_t i = 0; i < states.size(); ++i)
      if (auto const d = std::abs(static_cast<double>(states[i]) - reference_[i]); !(d <= largest)) largest = d;
    EXPECT_LT(largest, kStates) << to_string(instructions);
    fmt::print("{}: {}, largest difference {:.1e}\n", GetParam(), to_string(instructions), largest);
  }
}

TEST_P(EngineGolden, StatesInLowerPrecisionAreNearTheReference) {
  for (auto const& [precision, most] : {std::pair{Precision::BFloat16, 0.03}, std::pair{Precision::Int8, 0.06}}) {
    auto const states = states_of(load({.precision = precision}));
    double error = 0, size = 0;
    for (std::size_t i = 0; i < states.size(); ++i) {
      error += std::pow(states[i] - reference_[i], 2);
      size += std::pow(reference_[i], 2);
    }
    EXPECT_LT(std::sqrt(error / size), most) << to_string(precision);
    EXPECT_GT(error, 0) << to_string(precision);
    fmt::print("{}: {}, relative error {:.1e}\n", GetParam(), to_string(precision), std::sqrt(error / size));
  }
}

TEST_P(EngineGolden, GivesATextTheSameBitsAloneAndWithAnyNumberOfWorkers) {
  for (auto const precision : {Precision::Float32, Precision::BFloat16, Precision::Int8}) {
    auto const one = load({.precision = precision});
    auto const three = load({.n_workers = 3, .precision = precision});
    auto const together = states_of(one);
    EXPECT_EQ(states_of(one, Texts::Alone), together) << to_string(precision);
    EXPECT_EQ(states_of(three), together) << to_string(precision);
    EXPECT_EQ(states_of(three, Texts::Alone), together) << to_string(precision);
  }
}

INSTANTIATE_TEST_SUITE_P(Bert, EngineGolden,
                         testing::Values("gelu", "gelu_new_in_shards", "relu_in_a_classifier", "bfloat16_of_one_type"),
                         [](auto const& of) { return std::string(of.param); });
INSTANTIATE_TEST_SUITE_P(Families, EngineGolden,
                         testing::Values("roberta", "xlm_roberta", "distilbert", "electra", "modernbert",
                                         "modernbert_with_biases", "deberta_v3", "deberta_v2_own_projections",
                                         "deberta_v2_of_keys", "deberta_v2_convolution", "deberta_v2_wide_convolution"),
                         [](auto const& of) { return std::string(of.param); });

}  // namespace
}  // namespace polytask::engine
