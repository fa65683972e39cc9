// The reference library's hidden states and gradients: tests/golden/model/make_encoders.py, make_families.py.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "base/error.h"
#include "nn/encoder.h"

namespace polytask::nn {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path const kFolder = "tests/golden/model";
constexpr double kStates = 1e-4;     ///< largest difference of a hidden state
constexpr double kGradients = 1e-4;  ///< largest difference of a gradient's entry, as a part of its largest entry

/// $POLYTASK_SHARED, or the folder `shared` beside the source tree.
fs::path shared_folder() {
  char const* const given = std::getenv("POLYTASK_SHARED");
  return given != nullptr ? fs::path(given) : fs::path("../shared");
}

std::vector<std::int64_t> integers(model::TensorView const& view) {
  expects(view.dtype == model::DType::I64, "the making script writes int64");
  std::vector<std::int64_t> values(view.bytes.size() / sizeof(std::int64_t));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

/// What the reference computed.
class Expected {
 public:
  explicit Expected(fs::path const& path) : file_(model::SafetensorsFile::open(path)) {}

  torch::Tensor floats(std::string const& name) const {
    auto const& view = file_.tensors().at(name);
    return torch::tensor(view.to_floats()).view(view.shape);
  }
  bool has(std::string const& name) const { return file_.tensors().contains(name); }

  PackedTexts texts() const {
    PackedTexts packed;
    packed.ids = torch::tensor(integers(file_.tensors().at("ids")), torch::kInt64);
    packed.type_ids = torch::tensor(integers(file_.tensors().at("type_ids")), torch::kInt64);
    for (auto const offset : integers(file_.tensors().at("offsets")))
      packed.offsets.push_back(static_cast<std::int32_t>(offset));
    std::vector<std::int64_t> positions;
    for (std::size_t t = 0; t + 1 < packed.offsets.size(); ++t)
      for (std::int32_t i = 0; i < packed.offsets[t + 1] - packed.offsets[t]; ++i) positions.push_back(i);
    packed.positions = torch::tensor(positions, torch::kInt64);
    return packed;
  }

 private:
  model::SafetensorsFile file_;
};

Encoder encoder_of(fs::path const& folder) {
  auto const config = model::read_encoder_config(folder);
  Encoder encoder(config);
  encoder->load(model::read_encoder_weights(folder, config));
  return encoder;
}

/// cos(0.7 i + 0.3) for every entry, row by row.
torch::Tensor wave(torch::Tensor const& like) {
  return torch::cos(0.7 * torch::arange(like.numel(), torch::kFloat64) + 0.3).view(like.sizes());
}

/// That of the words' table is sparse.
torch::Tensor gradient_of(torch::Tensor const& parameter) {
  return parameter.grad().is_sparse() ? parameter.grad().to_dense() : parameter.grad();
}

/// Compares the states and leaves the gradients of the reference's scalar in the parameters.
void run_and_compare_states(Encoder& encoder, Expected const& expected, std::string const& name) {
  Pass none;
  auto const states = encoder->forward(expected.texts(), none);
  auto const reference = expected.floats("states");
  ASSERT_EQ(states.sizes(), reference.sizes());
  double const largest = (states - reference).abs().max().item<double>();
  fmt::print("{}: hidden states, largest difference {:.1e}\n", name, largest);
  EXPECT_LT(largest, kStates);
  (states * wave(states).to(torch::kFloat32)).sum().backward();
}

/// The gradients that a backward left, as tensors of the published file.
std::map<std::string, model::Tensor> published_gradients(Encoder& encoder) {
  std::map<std::string, model::Tensor> gradients;
  for (auto const& parameter : encoder->named_parameters()) {
    auto const gradient = gradient_of(parameter.value()).contiguous();
    gradients[parameter.key()] = {gradient.sizes().vec(),
                                  {gradient.data_ptr<float>(), gradient.data_ptr<float>() + gradient.numel()}};
  }
  return model::published_weights(encoder->config(), gradients);
}

class EncoderGolden : public testing::TestWithParam<char const*> {};

TEST_P(EncoderGolden, StatesAndGradientsEqualTheReference) {
  auto const folder = kFolder / GetParam();
  Expected const expected(folder / "expected.safetensors");
  auto encoder = encoder_of(folder);
  run_and_compare_states(encoder, expected, GetParam());

  double largest = 0;
  std::size_t n_compared = 0;
  // A shift of all keys, or of those of distances, changes no attention: the gradient of their bias is rounding alone,
  // and is held to the query's.
  auto const scale_of = [&](std::string name) {
    for (auto const& [key, query] :
         {std::pair(".key.bias", ".query.bias"), std::pair(".k_lin.bias", ".q_lin.bias"),
          std::pair(".pos_key_proj.bias", ".query_proj.bias"), std::pair(".key_proj.bias", ".query_proj.bias")})
      if (auto const at = name.find(key); at != std::string::npos) name.replace(at, std::string(key).size(), query);
    return expected.floats("gradient." + name).abs().max().item<double>();
  };
  auto const gradients = published_gradients(encoder);
  for (auto const& [name, gradient] : gradients) {
    if (!expected.has("gradient." + name)) continue;
    auto const reference = expected.floats("gradient." + name);
    ASSERT_EQ(reference.sizes().vec(), gradient.shape) << name;
    auto const difference =
        (torch::tensor(gradient.values).view(gradient.shape) - reference).abs().max().item<double>() / scale_of(name);
    EXPECT_LT(difference, kGradients) << name;
    largest = std::max(largest, difference);
    ++n_compared;
  }
  if (n_compared == 0) return;  // weights in 16 bits are read, not trained
  fmt::print("{}: gradients of {} tensors, largest difference {:.1e}\n", GetParam(), n_compared, largest);
  EXPECT_EQ(n_compared, gradients.size());
}

/// All texts at once beside each alone.
TEST_P(EncoderGolden, GivesABatchWhatItGivesItsSingles) {
  auto const folder = kFolder / GetParam();
  auto const texts = Expected(folder / "expected.safetensors").texts();
  auto encoder = encoder_of(folder);
  torch::NoGradGuard const no_grad;
  Pass none;
  auto const together = encoder->forward(texts, none);
  for (std::size_t t = 0; t + 1 < texts.offsets.size(); ++t) {
    auto const first = texts.offsets[t];
    auto const n = texts.offsets[t + 1] - first;
    PackedTexts const one{.ids = texts.ids.narrow(0, first, n),
                          .positions = texts.positions.narrow(0, first, n),
                          .type_ids = texts.type_ids.narrow(0, first, n),
                          .offsets = {0, n}};
    EXPECT_LT((together.narrow(0, first, n) - encoder->forward(one, none)).abs().max().item<double>(), 1e-5) << t;
  }
}

TEST_P(EncoderGolden, IsTheSameAfterItWasWrittenAndRead) {
  auto const folder = fs::path(testing::TempDir()) / fmt::format("polytask_saved_{}", GetParam());
  fs::create_directories(folder);
  Expected const expected(kFolder / GetParam() / "expected.safetensors");
  auto const loaded = encoder_of(kFolder / GetParam());
  model::write_encoder_config(folder, loaded->config());
  model::write_encoder_weights(folder, loaded->config(), loaded->save());
  EXPECT_EQ(model::read_encoder_config(folder), loaded->config());
  auto again = encoder_of(folder);
  run_and_compare_states(again, expected, "saved and read");
  fs::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(SmallRandom, EncoderGolden,
                         testing::Values("gelu", "gelu_new_in_shards", "relu_in_a_classifier", "float16_with_old_names",
                                         "bfloat16_of_one_type"),
                         [](auto const& of) { return std::string(of.param); });
INSTANTIATE_TEST_SUITE_P(Families, EncoderGolden,
                         testing::Values("roberta", "xlm_roberta", "distilbert", "electra", "modernbert",
                                         "modernbert_with_biases", "deberta_v3", "deberta_v2_own_projections",
                                         "deberta_v2_of_keys", "deberta_v2_convolution", "deberta_v2_wide_convolution"),
                         [](auto const& of) { return std::string(of.param); });

TEST(EncoderGoldenReal, StatesAndGradientsOfMiniLmEqualTheReference) {
  auto const folder = shared_folder() / "models/all-MiniLM-L6-v2";
  if (!fs::exists(folder / "model.safetensors"))
    GTEST_SKIP() << folder.string() << " is not there; POLYTASK_SHARED names the folder of models and corpora";
  Expected const expected(kFolder / "all-MiniLM-L6-v2.safetensors");
  auto encoder = encoder_of(folder);
  run_and_compare_states(encoder, expected, "all-MiniLM-L6-v2");

  // Of the real gradients only their norm and one projection are stored.
  double largest = 0;
  for (auto const& parameter : encoder->named_parameters()) {
    auto const& name = parameter.key();
    if (name.find(".key.bias") != std::string::npos) continue;  // rounding alone, see above
    auto const gradient = gradient_of(parameter.value()).to(torch::kFloat64).flatten();
    auto const reference = expected.floats("projection." + name).to(torch::kFloat64);
    double const norm = reference[0].item<double>();
    double const of_norm = std::abs(gradient.norm().item<double>() - norm) / norm;
    double const of_projection =
        std::abs((gradient * wave(gradient)).sum().item<double>() - reference[1].item<double>()) / norm;
    EXPECT_LT(of_norm, kGradients) << name;
    EXPECT_LT(of_projection, kGradients) << name;
    largest = std::max({largest, of_norm, of_projection});
  }
  fmt::print("all-MiniLM-L6-v2: gradients, largest difference {:.1e}\n", largest);
}

}  // namespace
}  // namespace polytask::nn
