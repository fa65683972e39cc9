#include "nn/masked_language_model.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <fstream>

#include "base/json.h"

namespace polytask::nn {
namespace {

model::EncoderConfig small() {
  return {
      .vocab_size = 23, .hidden_size = 8, .num_hidden_layers = 1, .num_attention_heads = 2, .intermediate_size = 16};
}

/// What LibTorch's own operations make of the same head.
torch::Tensor plain_loss(MaskedLanguageHeadImpl const& head, torch::Tensor const& hidden,
                         torch::Tensor const& embeddings, std::vector<std::int64_t> const& targets) {
  auto const p = head.named_parameters();
  auto const at = [&](char const* name) { return p[std::string("cls.predictions.") + name]; };
  auto const x =
      torch::layer_norm(torch::gelu(torch::linear(hidden, at("transform.dense.weight"), at("transform.dense.bias"))),
                        {8}, at("transform.LayerNorm.weight"), at("transform.LayerNorm.bias"), 1e-12);
  return torch::cross_entropy_loss(torch::linear(x, embeddings, at("bias")), torch::tensor(targets, torch::kInt64));
}

TEST(MaskedLanguageHead, LossAndGradientsEqualPlainOperations) {
  torch::manual_seed(1);
  MaskedLanguageHead head(small());
  Rng rng(5);
  head->initialize(0.4, rng);
  auto const hidden = torch::randn({6, 8}).requires_grad_();
  auto const embeddings = torch::randn({23, 8}).requires_grad_();
  std::vector<std::int64_t> const targets{0, 22, 7, 7, 3, 11};

  auto const loss = head->forward(hidden, embeddings, targets, kernels::Precision::Float32);
  (3 * loss.mean).backward();

  auto const other = hidden.detach().clone().requires_grad_();
  auto const other_embeddings = embeddings.detach().clone().requires_grad_();
  std::map<std::string, torch::Tensor> gradients;
  for (auto& parameter : head->named_parameters()) {
    gradients[parameter.key()] = parameter.value().grad().clone();
    parameter.value().mutable_grad() = torch::Tensor();
  }
  auto const expected = plain_loss(*head, other, other_embeddings, targets);
  (3 * expected).backward();

  EXPECT_NEAR(loss.mean.item<double>(), expected.item<double>(), 1e-5);
  EXPECT_NEAR(loss.sum, 6 * expected.item<double>(), 1e-4);
  EXPECT_LT((hidden.grad() - other.grad()).abs().max().item<double>(), 1e-5);
  EXPECT_LT((embeddings.grad() - other_embeddings.grad()).abs().max().item<double>(), 1e-5);
  for (auto const& parameter : head->named_parameters())
    EXPECT_LT((gradients[parameter.key()] - parameter.value().grad()).abs().max().item<double>(), 1e-5)
        << parameter.key();
}

torch::Tensor tensor_of(Json const& json) {
  if (!json[0].is_array()) return torch::tensor(json.get<std::vector<float>>());
  std::vector<torch::Tensor> rows;
  for (auto const& row : json) rows.push_back(torch::tensor(row.get<std::vector<float>>()));
  return torch::stack(rows);
}

TEST(MaskedLanguageHead, LossAndGradientsEqualTheReference) {
  std::ifstream file("tests/golden/nn/masked_language_head.json");  // make_masked_language_head.py beside it
  auto const golden = Json::parse(file);
  auto config = small();
  config.vocab_size = 29;
  config.hidden_size = 12;
  MaskedLanguageHead head(config);
  std::map<std::string, model::Tensor> weights;
  for (auto const& [name, shape] : expected_language_head_tensors(config)) {
    auto const values = tensor_of(golden["values"][name]).contiguous();
    weights[name] = {shape, {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()}};
  }
  head->load(weights);
  auto const hidden = tensor_of(golden["values"]["hidden"]).requires_grad_();
  auto const embeddings = tensor_of(golden["values"]["embeddings"]).requires_grad_();
  auto const loss = head->forward(hidden, embeddings, golden["targets"].get<std::vector<std::int64_t>>(),
                                  kernels::Precision::Float32);
  loss.mean.backward();
  double largest = std::abs(loss.mean.item<double>() / golden["loss"].get<double>() - 1);
  auto const compare = [&](std::string const& name, torch::Tensor const& gradient) {
    auto const expected = tensor_of(golden["gradients"][name]);
    largest = std::max(largest, ((gradient - expected).abs().max() / expected.abs().max()).item<double>());
  };
  compare("hidden", hidden.grad());
  compare("embeddings", embeddings.grad());
  for (auto const& parameter : head->named_parameters()) compare(parameter.key(), parameter.value().grad());
  fmt::print("head for hidden words: largest difference {:.1e} of the largest entry\n", largest);
  EXPECT_LT(largest, 1e-5);
}

TEST(MaskedLanguageHead, ItsNamesAreThoseOfThePublishedCheckpoints) {
  MaskedLanguageHead const head(small());
  auto const expected = expected_language_head_tensors(small());
  auto const weights = head->save();
  ASSERT_EQ(weights.size(), expected.size());
  for (auto const& [name, shape] : expected) EXPECT_EQ(weights.at(name).shape, shape) << name;
}

TEST(CosineLoss, IsZeroForOneDirectionAndTwoForTheOpposite) {
  auto const a = torch::tensor({{1.0F, 2.0F}, {0.5F, -1.0F}});
  EXPECT_NEAR(cosine_loss(a, 7 * a).item<double>(), 0, 1e-6);
  EXPECT_NEAR(cosine_loss(a, -a).item<double>(), 2, 1e-6);
}

/// MiniLMv2, equations 5 and 6, entry by entry: what one token's relation with another is, after the softmax over all.
std::vector<double> relations_of(torch::Tensor const& rows, std::int64_t head, std::int64_t n_heads, std::int64_t i) {
  auto const size = rows.size(1) / n_heads;
  std::vector<double> scores;
  double total = 0;
  for (std::int64_t j = 0; j < rows.size(0); ++j) {
    double product = 0;
    for (std::int64_t k = head * size; k < (head + 1) * size; ++k)
      product += rows[i][k].item<double>() * rows[j][k].item<double>();
    scores.push_back(std::exp(product / std::sqrt(static_cast<double>(size))));
    total += scores.back();
  }
  for (auto& score : scores) score /= total;
  return scores;
}

TEST(RelationLoss, FollowsTheEquationsOfMiniLmV2) {
  torch::manual_seed(5);
  constexpr std::int64_t kHeads = 2, kTokens = 3;
  auto const student = torch::randn({kTokens, 3 * 4}), teacher = torch::randn({kTokens, 3 * 6});
  double sum = 0;
  for (std::int64_t part = 0; part < 3; ++part)  // queries, keys, values: each with its like
    for (std::int64_t head = 0; head < kHeads; ++head)
      for (std::int64_t i = 0; i < kTokens; ++i) {
        auto const wanted = relations_of(teacher.narrow(1, part * 6, 6), head, kHeads, i);
        auto const found = relations_of(student.narrow(1, part * 4, 4), head, kHeads, i);
        for (std::size_t j = 0; j < wanted.size(); ++j) sum += wanted[j] * std::log(wanted[j] / found[j]);
      }
  EXPECT_NEAR(relation_loss(student, teacher, {0, kTokens}, kHeads).item<double>(), sum / (3 * kHeads * kTokens), 1e-6);
}

TEST(RelationLoss, IsZeroForEqualRelationsWhateverTheHiddenSize) {
  torch::manual_seed(2);
  auto const teacher = torch::randn({5, 3 * 8});
  std::vector<std::int32_t> const offsets{0, 2, 5};
  EXPECT_NEAR(relation_loss(teacher, teacher, offsets, 2).item<double>(), 0, 1e-6);
  EXPECT_GT(relation_loss(torch::randn({5, 3 * 4}), teacher, offsets, 2).item<double>(), 0.01);
  // Tokens of other texts play no part.
  auto const alone = relation_loss(teacher.narrow(0, 0, 2), torch::ones({2, 24}), {0, 2}, 2).item<double>();
  auto const rest = relation_loss(teacher.narrow(0, 2, 3), torch::ones({3, 24}), {0, 3}, 2).item<double>();
  EXPECT_NEAR(relation_loss(teacher, torch::ones({5, 24}), offsets, 2).item<double>(), (2 * alone + 3 * rest) / 5,
              1e-6);
}

}  // namespace
}  // namespace polytask::nn
