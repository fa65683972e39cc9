// What the engine makes of texts beside the reference library: tests/golden/model/make_encoders.py, make_families.py.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "engine/lower_states.h"
#include "model/encoder_files.h"

namespace polytask::engine {
namespace {

using kernels::InstructionSet;

constexpr double kStates = 1e-4;  ///< largest difference of a hidden state

std::vector<std::int64_t> integers(model::TensorView const& view) {
  expects(view.dtype == model::DType::I64, "the making script writes int64");
  std::vector<std::int64_t> values(view.bytes.size() / sizeof(std::int64_t));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

class EngineGolden : public testing::TestWithParam<char const*> {};

TEST_P(EngineGolden, StatesEqualTheReferenceWithEveryInstructionSet) {
  auto const folder = std::filesystem::path("tests/golden/model") / GetParam();
  auto const file = model::SafetensorsFile::open(folder / "expected.safetensors");
  auto const reference = file.tensors().at("states").to_floats();
  auto const ids = integers(file.tensors().at("ids"));
  auto const types = integers(file.tensors().at("type_ids"));
  auto const offsets = integers(file.tensors().at("offsets"));
  std::vector<std::int32_t> const tokens(ids.begin(), ids.end());
  std::vector<std::uint8_t> const token_types(types.begin(), types.end());
  std::vector<task::TokenSequence> texts;
  for (std::size_t t = 0; t + 1 < offsets.size(); ++t) {
    auto const first = static_cast<std::size_t>(offsets[t]);
    auto const n = static_cast<std::size_t>(offsets[t + 1]) - first;
    texts.push_back({std::span(tokens).subspan(first, n), std::span(token_types).subspan(first, n), 0});
  }
  auto const config = model::read_encoder_config(folder);
  for (auto const instructions : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512}) {
    if (instructions > kernels::detected_instructions()) continue;
    auto const engine = LowerStates::load(folder, config.num_hidden_layers, {.instructions = instructions});
    double largest = 0;
    std::size_t n_compared = 0;
    engine.compute(texts, [&](std::size_t text, std::span<float const> states) {
      auto const* const expected = reference.data() + offsets[text] * static_cast<std::int64_t>(engine.hidden_size());
      for (std::size_t i = 0; i < states.size(); ++i)
        largest = std::max(largest, std::abs(static_cast<double>(states[i]) - expected[i]));
      n_compared += states.size();
    });
    EXPECT_EQ(n_compared, reference.size());
    EXPECT_LT(largest, kStates) << to_string(instructions);
    fmt::print("{}: {}, largest difference {:.1e}\n", GetParam(), to_string(instructions), largest);
  }
}

INSTANTIATE_TEST_SUITE_P(Bert, EngineGolden,
                         testing::Values("gelu", "gelu_new_in_shards", "relu_in_a_classifier", "bfloat16_of_one_type"),
                         [](auto const& of) { return std::string(of.param); });
INSTANTIATE_TEST_SUITE_P(Families, EngineGolden,
                         testing::Values("roberta", "xlm_roberta", "distilbert", "electra", "modernbert",
                                         "modernbert_with_biases", "deberta_v3", "deberta_v2_own_projections",
                                         "deberta_v2_of_keys"),
                         [](auto const& of) { return std::string(of.param); });

}  // namespace
}  // namespace polytask::engine
