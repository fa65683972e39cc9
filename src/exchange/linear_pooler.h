// BERT's pooler, tanh(W h + b), that does nothing: for heads that have none, in formats that always have one.
// With W = 2^-k I and b = 0 its argument is so small that tanh(x) = x to rounding: tanh(x) = x (1 - x^2/3 + ...), and
// |x| <= 2^-13 makes x^2/3 smaller than half a unit in the last place of a float32. Scaling by a power of two rounds
// nothing, so a head whose weights are multiplied by 2^k computes what it did without the pooler. That holds in float32
// and bfloat16, whose exponents reach far enough; in float16 2^-k and 2^k times a weight do not fit.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "model/model_weights.h"

namespace polytask::exchange {

/// The largest magnitude that a hidden state of this encoder can have: the output of a LayerNorm is at most
/// |gamma| sqrt(hidden) + |beta|, whatever goes in.
[[nodiscard]] double largest_state(std::map<std::string, model::Tensor> const& encoder,
                                   model::EncoderConfig const& config);

/// k of a pooler that is linear for states of up to `largest`.
[[nodiscard]] int linear_pooler_exponent(double largest);

[[nodiscard]] model::LinearWeights linear_pooler(std::int64_t hidden_size, int exponent);

/// k of such a pooler, of `linear_pooler_exponent(largest)` or more; nothing for any other pooler.
[[nodiscard]] std::optional<int> exponent_of_linear_pooler(model::LinearWeights const& pooler, double largest);

/// weight * 2^exponent, which is exact. Throws Error{InvalidInput} where a value becomes infinite.
[[nodiscard]] model::Tensor scaled(model::Tensor weight, int exponent);

}  // namespace polytask::exchange
