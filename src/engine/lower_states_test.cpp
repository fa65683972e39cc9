#include "engine/lower_states.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "base/error.h"
#include "engine/internal/lower_states_key.h"
#include "engine/test_support.h"

namespace polytask::engine {
namespace {

using test_support::RandomModel;
using test_support::TemporaryFolder;
using testing::HasSubstr;

struct Text {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> type_ids;
  std::size_t second_sequence = 0;
};

/// Texts of all lengths, some of two sequences, some of two types.
std::vector<Text> texts() {
  std::vector<Text> made;
  for (std::int32_t n = 1; n <= 60; ++n) {
    Text text{.second_sequence = n % 4 == 0 ? static_cast<std::size_t>(n) / 2 : 0};
    for (std::int32_t i = 0; i < n; ++i) {
      text.ids.push_back((i * i + 7 * n) % 60);
      text.type_ids.push_back(n % 3 == 0 && i > n / 2 ? 1 : 0);
    }
    made.push_back(std::move(text));
  }
  return made;
}

std::vector<std::vector<float>> states_of(LowerStates const& tested, std::vector<Text> const& all) {
  std::vector<task::TokenSequence> sequences;
  for (auto const& text : all) sequences.push_back({text.ids, text.type_ids, text.second_sequence});
  std::vector<std::vector<float>> states(all.size());
  tested.compute(sequences, [&](std::size_t text, std::span<float const> values) {
    EXPECT_TRUE(states[text].empty()) << "each text once";
    states[text].assign(values.begin(), values.end());
  });
  return states;
}

class LowerStatesOfASmallEncoder : public testing::Test {
 protected:
  LowerStatesOfASmallEncoder() { RandomModel(7).write(folder_ / "model", test_support::every_kind_of_head()); }
  [[nodiscard]] std::filesystem::path encoder() const { return folder_ / "model" / "encoder"; }
  [[nodiscard]] LowerStates load(std::int64_t n_layers, int n_workers = 1) const {
    return LowerStates::load(encoder(), n_layers, {.n_workers = n_workers});
  }
  /// The encoder once more, one weight changed.
  [[nodiscard]] std::filesystem::path changed(std::string const& tensor) const {
    auto const config = model::read_encoder_config(encoder());
    auto weights = model::read_encoder_weights(encoder(), config);
    weights.at(tensor).values[3] += 0.001F;
    auto const other = folder_ / ("changed." + tensor);
    model::write_encoder_config(other, config);
    model::write_encoder_weights(other, config, weights);
    return other;
  }
  TemporaryFolder folder_;
};

TEST_F(LowerStatesOfASmallEncoder, AreTheSameBitsAloneInAnyOrderAndWithAnyNumberOfWorkers) {
  auto const all = texts();
  for (int const n_layers : {1, 2}) {
    auto const one = load(n_layers);
    auto const three = load(n_layers, 3);
    auto const expected = states_of(one, all);
    EXPECT_EQ(states_of(three, all), expected);
    auto turned = all;
    std::reverse(turned.begin(), turned.end());
    auto found = states_of(three, turned);
    std::reverse(found.begin(), found.end());
    EXPECT_EQ(found, expected);
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(expected[i].size(), all[i].ids.size() * 32);
      ASSERT_EQ(states_of(three, {all[i]}), std::vector({expected[i]}));
    }
  }
}

TEST_F(LowerStatesOfASmallEncoder, DependOnIdsTypesAndWhereTheSecondSequenceBegins) {
  auto const tested = load(1);
  Text const text{{3, 4, 5, 6}, {0, 0, 0, 0}, 0};
  Text const other_id{{3, 4, 5, 7}, {0, 0, 0, 0}, 0};
  Text const other_type{{3, 4, 5, 6}, {0, 0, 0, 1}, 0};
  Text const two_sequences{{3, 4, 5, 6}, {0, 0, 0, 0}, 2};
  auto const states = states_of(tested, {text, other_id, other_type, two_sequences});
  EXPECT_EQ(std::set(states.begin(), states.end()).size(), 4);
  // Two sequences know nothing of one another.
  auto const first = states_of(tested, {Text{{3, 4}, {0, 0}, 0}})[0];
  EXPECT_TRUE(std::equal(first.begin(), first.end(), states[3].begin()));
}

TEST_F(LowerStatesOfASmallEncoder, HaveAKeyOfAllThatTheyDependOnAndOfNothingElse) {
  auto const key = load(1).key();
  EXPECT_EQ(key.size(), 64);
  EXPECT_EQ(load(1, 2).key(), key);
  EXPECT_NE(load(2).key(), key);
  auto const key_with = [&](std::string const& tensor, std::int64_t n_layers) {
    return LowerStates::load(changed(tensor), n_layers, {}).key();
  };
  EXPECT_NE(key_with("embeddings.word_embeddings.weight", 1), key);
  EXPECT_NE(key_with("encoder.layer.0.output.LayerNorm.bias", 1), key);
  EXPECT_EQ(key_with("encoder.layer.1.output.LayerNorm.bias", 1), key);  // above them
  EXPECT_NE(key_with("encoder.layer.1.output.LayerNorm.bias", 2), load(2).key());
  auto config = model::read_encoder_config(encoder());
  config.layer_norm_eps *= 2;
  model::write_encoder_config(encoder(), config);
  EXPECT_NE(load(1).key(), key);
  if (kernels::detected_instructions() != kernels::InstructionSet::Portable) {
    EXPECT_NE(LowerStates::load(encoder(), 1, {.instructions = kernels::InstructionSet::Portable}).key(),
              load(1).key());
  }
}

TEST_F(LowerStatesOfASmallEncoder, InBFloat16AreNearThoseOfFloat32AndHaveAnotherKey) {
  auto const exact = load(2);
  auto const rounded = LowerStates::load(encoder(), 2, {.precision = kernels::Precision::BFloat16});
  EXPECT_NE(rounded.key(), exact.key());
  auto const expected = states_of(exact, texts());
  auto const found = states_of(rounded, texts());
  ASSERT_EQ(found.size(), expected.size());
  double largest = 0;
  for (std::size_t text = 0; text < found.size(); ++text) {
    ASSERT_EQ(found[text].size(), expected[text].size());
    for (std::size_t i = 0; i < found[text].size(); ++i)
      largest = std::max<double>(largest, std::abs(found[text][i] - expected[text][i]));
  }
  EXPECT_GT(largest, 0);
  EXPECT_LT(largest, 0.1);  // of states that a LayerNorm has brought to unit variance; bfloat16 has 8 bits
}

TEST_F(LowerStatesOfASmallEncoder, HaveAnotherKeyInAnotherVersion) {
  auto const config = model::read_encoder_config(encoder());
  auto const weights = model::read_encoder_weights(encoder(), config);
  auto const key_in = [&](std::string_view version) { return lower_states_key(weights, config, 1, {}, version); };
  EXPECT_EQ(key_in("0.1.0"), key_in("0.1.0"));
  EXPECT_NE(key_in("0.1.0"), key_in("0.1.1"));
}

TEST_F(LowerStatesOfASmallEncoder, GoOnAfterATakerHasThrown) {
  auto const tested = load(1, 2);
  auto const all = texts();
  std::vector<task::TokenSequence> sequences;
  for (auto const& text : all) sequences.push_back({text.ids, text.type_ids, text.second_sequence});
  EXPECT_THROW(tested.compute(sequences,
                              [](std::size_t, std::span<float const>) { throw Error(ErrorCode::Unavailable, "full"); }),
               Error);
  EXPECT_EQ(states_of(tested, all), states_of(load(1), all));
}

TEST_F(LowerStatesOfASmallEncoder, NameTheFileThatIsMissing) {
  try {
    (void)LowerStates::load(folder_ / "nowhere", 1, {});
    FAIL() << "nothing was loaded";
  } catch (Error const& error) {
    EXPECT_EQ(error.code(), ErrorCode::NotFound);
    EXPECT_THAT(error.what(), HasSubstr("config.json"));
  }
}

}  // namespace
}  // namespace polytask::engine
