#include "exchange/linear_pooler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace polytask::exchange {
namespace {

constexpr int kLinearBelow = 13;  // |x| <= 2^-13

}  // namespace

double largest_state(std::map<std::string, model::Tensor> const& encoder, model::EncoderConfig const& config) {
  auto const norm = fmt::format("encoder.layer.{}.output.LayerNorm.", config.num_hidden_layers - 1);
  auto const& gamma = encoder.at(norm + "weight").values;
  auto const& beta = encoder.at(norm + "bias").values;
  double const root = std::sqrt(static_cast<double>(config.hidden_size));
  double largest = 0;
  for (std::size_t i = 0; i < gamma.size(); ++i)
    largest =
        std::max(largest, std::abs(static_cast<double>(gamma[i])) * root + std::abs(static_cast<double>(beta[i])));
  return largest;
}

int linear_pooler_exponent(double largest) {
  return kLinearBelow + std::max(0, static_cast<int>(std::ceil(std::log2(std::max(largest, 1.0)))));
}

model::LinearWeights linear_pooler(std::int64_t hidden_size, int exponent) {
  auto const n = static_cast<std::size_t>(hidden_size);
  model::LinearWeights pooler{{{hidden_size, hidden_size}, std::vector<float>(n * n, 0.0F)},
                              {{hidden_size}, std::vector<float>(n, 0.0F)}};
  for (std::size_t i = 0; i < n; ++i) pooler.weight.values[i * n + i] = std::ldexp(1.0F, -exponent);
  return pooler;
}

std::optional<int> exponent_of_linear_pooler(model::LinearWeights const& pooler, double largest) {
  int exponent = 0;
  if (std::frexp(pooler.weight.values.front(), &exponent) != 0.5F) return std::nullopt;  // no power of two
  exponent = 1 - exponent;
  if (exponent < linear_pooler_exponent(largest)) return std::nullopt;
  auto const expected = linear_pooler(pooler.bias.shape.front(), exponent);
  bool const is_linear = pooler.weight.values == expected.weight.values && pooler.bias.values == expected.bias.values;
  return is_linear ? std::optional(exponent) : std::nullopt;
}

model::Tensor scaled(model::Tensor weight, int exponent) {
  for (auto& value : weight.values) {
    value = std::ldexp(value, exponent);
    if (!std::isfinite(value))
      throw Error(
          ErrorCode::InvalidInput,
          fmt::format("a weight of the head times 2^{} is no finite number; the weights are damaged", exponent));
  }
  return weight;
}

}  // namespace polytask::exchange
