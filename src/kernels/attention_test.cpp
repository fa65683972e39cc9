#include "kernels/attention.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>
#include <vector>

#include "kernels/internal/attention_heads.h"
#include "kernels/internal/random_floats.h"

namespace polytask::kernels {
namespace {

struct Forward {
  Floats context;
  Floats log_sum_exp;
};

/// Head sizes 32 and 64 have code of their own, 20 leaves a remainder of a vector, 4 is smaller than one.
class Attention : public testing::TestWithParam<std::size_t> {
 protected:
  static constexpr std::size_t kHeads = 3;
  std::size_t d = GetParam();
  std::size_t kHidden = kHeads * d;
  std::int64_t reach = 0;

  [[nodiscard]] AttentionShape shape(std::vector<std::int32_t> const& offsets) const {
    return {offsets, static_cast<std::int64_t>(kHidden), kHeads, reach};
  }
  [[nodiscard]] Forward run(std::vector<std::int32_t> const& offsets, Floats const& qkv,
                            Dropout const& dropout = {}) const {
    auto const n = static_cast<std::size_t>(offsets.back());
    Forward result{Floats(n * kHidden), Floats(n * kHeads)};
    attention_forward(shape(offsets), dropout, qkv.data(), result.context.data(), result.log_sum_exp.data());
    return result;
  }
  void expect_gradient(std::vector<std::int32_t> const& offsets, Dropout const& dropout) const;
  void expect_equation_one() const;
};

/// With the keys that are out of reach left out.
void Attention::expect_equation_one() const {
  constexpr std::size_t kTokens = 37;
  auto const qkv = random_floats(kTokens * 3 * kHidden, 1);
  auto const result = run({0, kTokens}, qkv);
  auto const at = [&](std::size_t token, std::size_t part, std::size_t h, std::size_t k) {
    return static_cast<double>(qkv[token * 3 * kHidden + part * kHidden + h * d + k]);
  };
  for (std::size_t h = 0; h < kHeads; ++h)
    for (std::size_t i = 0; i < kTokens; ++i) {
      std::vector<double> p(kTokens);
      double sum = 0;
      for (std::size_t j = 0; j < kTokens; ++j) {
        if (reach > 0 && std::abs(static_cast<std::int64_t>(i) - static_cast<std::int64_t>(j)) > reach) continue;
        double score = 0;
        for (std::size_t k = 0; k < d; ++k) score += at(i, 0, h, k) * at(j, 1, h, k);
        sum += p[j] = std::exp(score / std::sqrt(static_cast<double>(d)));
      }
      for (std::size_t k = 0; k < d; ++k) {
        double expected = 0;
        for (std::size_t j = 0; j < kTokens; ++j) expected += p[j] / sum * at(j, 2, h, k);
        EXPECT_NEAR(result.context[i * kHidden + h * d + k], expected, 5e-6);
      }
    }
}

TEST_P(Attention, IsTheSameUpToRoundingWithEveryInstructionSet) {
  constexpr std::size_t kTokens = 37;
  std::vector<std::int32_t> const offsets{0, kTokens};
  Dropout const dropout{0.1F, 5};
  auto const qkv = random_floats(kTokens * 3 * kHidden, 1), grad = random_floats(kTokens * kHidden, 2);
  for (std::int64_t const window : {0, 4}) {
    reach = window;
    auto const expected = run(offsets, qkv, dropout);
    Floats expected_grad(qkv.size());
    attention_backward(shape(offsets), dropout, qkv.data(), expected.context.data(), expected.log_sum_exp.data(),
                       grad.data(), expected_grad.data());
    for (auto const instructions : {InstructionSet::Portable, InstructionSet::Avx2, InstructionSet::Avx512}) {
      if (instructions > detected_instructions()) continue;
      auto const kernels = attention_of_heads(instructions);
      HeadRoom const room(kTokens, static_cast<std::int64_t>(d));
      Floats context(grad.size()), log_sums(kTokens * kHeads), grad_qkv(qkv.size());
      for (std::size_t h = 0; h < kHeads; ++h) {
        HeadView head{.n = kTokens,
                      .d = static_cast<std::int64_t>(d),
                      .stride = static_cast<std::int64_t>(3 * kHidden),
                      .hidden = static_cast<std::int64_t>(kHidden),
                      .heads = kHeads,
                      .reach = window,
                      .dropout = dropout,
                      .query = qkv.data() + h * d};
        head.dropout.seed = seed_of_unit(dropout.seed, h);
        kernels.forward(head, room.work(), context.data() + h * d, log_sums.data() + h);
        kernels.backward(head, room.work(), context.data() + h * d, log_sums.data() + h, grad.data() + h * d,
                         grad_qkv.data() + h * d);
      }
      for (std::size_t i = 0; i < context.size(); ++i)
        ASSERT_NEAR(context[i], expected.context[i], 1e-5) << to_string(instructions);
      for (std::size_t i = 0; i < grad_qkv.size(); ++i)
        ASSERT_NEAR(grad_qkv[i], expected_grad[i], 1e-4) << to_string(instructions);
    }
  }
}

TEST_P(Attention, ComputesEquationOneOfVaswani) { expect_equation_one(); }

TEST_P(Attention, LooksNoFurtherThanItsReach) {
  for (std::int64_t const one : {1, 3, 16, 30, 36, 100}) {
    reach = one;
    expect_equation_one();
  }
}

TEST_P(Attention, OfAReachBeyondTheTextIsThatWithoutOne) {
  auto const qkv = random_floats(37 * 3 * kHidden, 1);
  auto const all = run({0, 37}, qkv);
  reach = 37;
  auto const windowed = run({0, 37}, qkv);
  for (std::size_t i = 0; i < all.context.size(); ++i) ASSERT_EQ(windowed.context[i], all.context[i]);
}

TEST_P(Attention, ATextDoesNotSeeItsNeighbours) {
  auto const qkv = random_floats(9 * 3 * kHidden, 2);
  auto const together = run({0, 4, 5, 9}, qkv);
  Floats const last(qkv.begin() + static_cast<std::ptrdiff_t>(5 * 3 * kHidden), qkv.end());
  auto const alone = run({0, 4}, last);
  for (std::size_t i = 0; i < alone.context.size(); ++i) EXPECT_EQ(together.context[5 * kHidden + i], alone.context[i]);
}

// Loss = sum(context * weights); its gradient by central differences.
void Attention::expect_gradient(std::vector<std::int32_t> const& offsets, Dropout const& dropout) const {
  auto const n = static_cast<std::size_t>(offsets.back());
  auto qkv = random_floats(n * 3 * kHidden, 3);
  auto const weights = random_floats(n * kHidden, 4);
  auto const forward = run(offsets, qkv, dropout);
  Floats gradient(qkv.size());
  attention_backward(shape(offsets), dropout, qkv.data(), forward.context.data(), forward.log_sum_exp.data(),
                     weights.data(), gradient.data());
  auto const loss = [&] {
    auto const result = run(offsets, qkv, dropout);
    double total = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) total += static_cast<double>(result.context[i]) * weights[i];
    return total;
  };
  double largest = 0;
  std::size_t const step = qkv.size() / 400 + 1;  // every number of the small shapes, some of the large ones
  for (std::size_t i = 0; i < qkv.size(); i += step) {
    float const kept = qkv[i];
    constexpr float kStep = 1e-2F;
    qkv[i] = kept + kStep;
    double const above = loss();
    qkv[i] = kept - kStep;
    double const below = loss();
    qkv[i] = kept;
    largest = std::max(largest, std::abs((above - below) / (2 * kStep) - gradient[i]));
  }
  EXPECT_LT(largest, 2e-3) << "largest difference to finite differences";
}

TEST_P(Attention, GradientEqualsFiniteDifferencesForMixedLengths) { expect_gradient({0, 1, 4, 9, 28}, {}); }

TEST_P(Attention, GradientEqualsFiniteDifferencesUnderDropout) {
  expect_gradient({0, 3, 9, 26}, {.rate = 0.3F, .seed = 11});
}

TEST_P(Attention, GradientOfAWindowEqualsFiniteDifferences) {
  for (std::int64_t const one : {1, 5, 18}) {
    reach = one;
    expect_gradient({0, 1, 4, 9, 48}, {});
    expect_gradient({0, 3, 9, 46}, {.rate = 0.3F, .seed = 11});
  }
}

INSTANTIATE_TEST_SUITE_P(HeadSizes, Attention, testing::Values(4, 20, 32, 64));

TEST(Dropout, KeepsTheDeclaredShareAndDependsOnItsSeed) {
  Dropout const a{.rate = 0.1F, .seed = 1};
  int dropped = 0;
  int both = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    bool const first = dropout_bits(1, i) < a.threshold();
    bool const second = dropout_bits(2, i) < a.threshold();
    dropped += first;
    both += first && second;
  }
  EXPECT_NEAR(dropped, 10'000, 400);  // 4 standard deviations
  EXPECT_NEAR(both, 1'000, 130);      // independent of the other seed
}

TEST(DropoutSeeds, DifferBetweenAllSitesAndUnitsOfAPass) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t site = 1; site <= 40; ++site)
    for (std::uint64_t unit = 0; unit < 12 * 100; ++unit) seeds.insert(seed_of_unit(seed_of_site(7, site), unit));
  EXPECT_EQ(seeds.size(), 40U * 12 * 100);
}

}  // namespace
}  // namespace polytask::kernels
