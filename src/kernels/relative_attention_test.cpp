#include "kernels/relative_attention.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <vector>

#include "kernels/internal/random_floats.h"

namespace polytask::kernels {
namespace {

struct Forward {
  Floats context;
  Floats log_sum_exp;
};

enum class Terms { Keys, Queries, Both };

struct Case {
  std::size_t d;
  Terms terms;
  RelativeRows rows;
};

class RelativeAttention : public testing::TestWithParam<Case> {
 protected:
  static constexpr std::size_t kHeads = 2;
  std::size_t d = GetParam().d;
  std::size_t hidden = kHeads * d;
  RelativeRows rows = GetParam().rows;
  Floats keys = random_floats(static_cast<std::size_t>(2 * rows.span) * hidden, 5);
  Floats queries = random_floats(keys.size(), 6);

  [[nodiscard]] RelativeShape shape(std::vector<std::int32_t> const& offsets) const {
    return {{offsets, static_cast<std::int64_t>(hidden), kHeads}, rows};
  }
  [[nodiscard]] RelativeTables<float const> tables() const {
    return {GetParam().terms == Terms::Queries ? nullptr : keys.data(),
            GetParam().terms == Terms::Keys ? nullptr : queries.data()};
  }
  [[nodiscard]] Forward run(std::vector<std::int32_t> const& offsets, Floats const& qkv,
                            Dropout const& dropout = {}) const {
    auto const n = static_cast<std::size_t>(offsets.back());
    Forward result{Floats(n * hidden), Floats(n * kHeads)};
    relative_attention_forward(shape(offsets), dropout, qkv.data(), tables(), result.context.data(),
                               result.log_sum_exp.data());
    return result;
  }
  void expect_gradients(std::vector<std::int32_t> const& offsets, Dropout const& dropout);
};

TEST_P(RelativeAttention, ComputesEquationFourOfHe) {
  constexpr std::size_t kTokens = 37;
  auto const qkv = random_floats(kTokens * 3 * hidden, 1);
  auto const result = run({0, kTokens}, qkv);
  auto const at = [&](std::size_t token, std::size_t part, std::size_t h) {
    return qkv.data() + token * 3 * hidden + part * hidden + h * d;
  };
  auto const dot = [&](float const* a, float const* b) {
    double sum = 0;
    for (std::size_t k = 0; k < d; ++k) sum += static_cast<double>(a[k]) * b[k];
    return sum;
  };
  auto const [of_keys, of_queries] = tables();
  double const n_terms = 1 + (of_keys != nullptr) + (of_queries != nullptr);
  for (std::size_t h = 0; h < kHeads; ++h)
    for (std::size_t i = 0; i < kTokens; ++i) {
      std::vector<double> p(kTokens);
      double sum = 0;
      for (std::size_t j = 0; j < kTokens; ++j) {
        auto const row =
            static_cast<std::size_t>(relative_row(rows, static_cast<std::int64_t>(i) - static_cast<std::int64_t>(j)));
        double score = dot(at(i, 0, h), at(j, 1, h));
        if (of_keys != nullptr) score += dot(at(i, 0, h), of_keys + row * hidden + h * d);
        if (of_queries != nullptr) score += dot(at(j, 1, h), of_queries + row * hidden + h * d);
        sum += p[j] = std::exp(score / std::sqrt(static_cast<double>(d) * n_terms));
      }
      for (std::size_t k = 0; k < d; ++k) {
        double expected = 0;
        for (std::size_t j = 0; j < kTokens; ++j) expected += p[j] / sum * static_cast<double>(at(j, 2, h)[k]);
        ASSERT_NEAR(result.context[i * hidden + h * d + k], expected, 1e-5);
      }
    }
}

TEST_P(RelativeAttention, ATextDoesNotSeeItsNeighbours) {
  auto const qkv = random_floats(9 * 3 * hidden, 2);
  auto const together = run({0, 4, 5, 5, 9}, qkv);
  Floats const last(qkv.begin() + static_cast<std::ptrdiff_t>(5 * 3 * hidden), qkv.end());
  auto const alone = run({0, 4}, last);
  for (std::size_t i = 0; i < alone.context.size(); ++i) ASSERT_EQ(together.context[5 * hidden + i], alone.context[i]);
}

// Loss = sum(context * weights); its gradients by central differences.
void RelativeAttention::expect_gradients(std::vector<std::int32_t> const& offsets, Dropout const& dropout) {
  auto const n = static_cast<std::size_t>(offsets.back());
  auto qkv = random_floats(n * 3 * hidden, 3);
  auto const weights = random_floats(n * hidden, 4);
  auto const forward = run(offsets, qkv, dropout);
  Floats grad_qkv(qkv.size()), grad_keys(keys.size()), grad_queries(queries.size());
  RelativeTables<float> const grad_tables{tables().keys != nullptr ? grad_keys.data() : nullptr,
                                          tables().queries != nullptr ? grad_queries.data() : nullptr};
  relative_attention_backward(shape(offsets), dropout, qkv.data(), tables(), forward.context.data(),
                              forward.log_sum_exp.data(), weights.data(), grad_qkv.data(), grad_tables);
  auto const loss = [&] {
    auto const result = run(offsets, qkv, dropout);
    double total = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) total += static_cast<double>(result.context[i]) * weights[i];
    return total;
  };
  auto const largest_difference = [&](Floats& values, Floats const& gradient) {
    double largest = 0;
    std::size_t const step = values.size() / 300 + 1;  // every number of the small shapes, some of the large ones
    for (std::size_t i = 0; i < values.size(); i += step) {
      float const kept = values[i];
      constexpr float kStep = 1e-2F;
      values[i] = kept + kStep;
      double const above = loss();
      values[i] = kept - kStep;
      double const below = loss();
      values[i] = kept;
      largest = std::max(largest, std::abs((above - below) / (2 * kStep) - gradient[i]));
    }
    return largest;
  };
  EXPECT_LT(largest_difference(qkv, grad_qkv), 4e-3) << "of queries, keys and values";
  EXPECT_LT(largest_difference(keys, grad_keys), 4e-3) << "of the keys of distances";
  EXPECT_LT(largest_difference(queries, grad_queries), 4e-3) << "of the queries of distances";
}

TEST_P(RelativeAttention, GradientsEqualFiniteDifferencesForMixedLengths) { expect_gradients({0, 1, 4, 9, 28}, {}); }

TEST_P(RelativeAttention, GradientsEqualFiniteDifferencesUnderDropout) {
  expect_gradients({0, 3, 9, 26}, {.rate = 0.3F, .seed = 11});
}

constexpr RelativeRows kBuckets{.span = 8, .buckets = 8, .farthest = 16};
constexpr RelativeRows kEvery{.span = 40};
constexpr RelativeRows kClipped{.span = 5};
INSTANTIATE_TEST_SUITE_P(Cases, RelativeAttention,
                         testing::Values(Case{4, Terms::Both, kBuckets}, Case{20, Terms::Both, kEvery},
                                         Case{64, Terms::Both, kBuckets}, Case{20, Terms::Keys, kClipped},
                                         Case{20, Terms::Queries, kBuckets}));

TEST(RelativeRow, OfADistanceWithoutBucketsIsItsOwnUpToTheSpan) {
  RelativeRows const rows{.span = 5};
  std::vector<std::int64_t> found;
  for (std::int64_t distance = -7; distance <= 7; ++distance) found.push_back(relative_row(rows, distance));
  EXPECT_THAT(found, testing::ElementsAre(0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9));
}

// Written by make_log_bucket_position and the clamp behind it, transformers 5.24.0, modeling_deberta_v2.py.
TEST(RelativeRow, OfBucketsIsTheReferences) {
  auto const rows = [](RelativeRows const& of, std::int64_t step) {
    std::vector<std::int64_t> found;
    for (std::int64_t distance = -of.farthest - 8; distance <= of.farthest + 8; distance += step)
      found.push_back(relative_row(of, distance));
    return found;
  };
  EXPECT_THAT(rows({.span = 8, .buckets = 8, .farthest = 16}, 1),
              testing::ElementsAreArray(std::vector<std::int64_t>{
                  0, 0,  0,  0,  0,  0,  0,  0,  0,  1,  1,  1,  1,  1,  1,  2,  2,  2,  3,  3,  4,  5,  6,  7, 8,
                  9, 10, 11, 12, 13, 13, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15}));
  EXPECT_THAT(rows({.span = 4, .buckets = 4, .farthest = 40}, 1),
              testing::ElementsAreArray(std::vector<std::int64_t>{
                  0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
                  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}));
  EXPECT_THAT(rows({.span = 256, .buckets = 256, .farthest = 512}, 37),
              testing::ElementsAreArray(std::vector<std::int64_t>{0,   6,   13,  21,  30,  39,  50,  62,  76,  93,
                                                                  113, 143, 180, 217, 254, 291, 328, 365, 397, 417,
                                                                  434, 448, 461, 472, 481, 490, 498, 506, 511}));
}

}  // namespace
}  // namespace polytask::kernels
