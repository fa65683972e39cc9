#include "nn/internal/by_torch.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace polytask::nn {

using torch::Tensor;

Tensor attention_by_torch(Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads,
                          double dropout_rate) {
  std::int64_t const tokens = qkv.size(0);
  std::int64_t const width = qkv.size(1) / 3 / heads;
  auto const n = static_cast<std::int64_t>(offsets.size()) - 1;
  std::int64_t longest = 0;
  for (std::size_t t = 0; t + 1 < offsets.size(); ++t)
    longest = std::max<std::int64_t>(longest, offsets[t + 1] - offsets[t]);
  std::vector<std::int64_t> token_at(static_cast<std::size_t>(n * longest),
                                     tokens);  // of each place; `tokens` is a row of zeros
  std::vector<std::int64_t> place_of(static_cast<std::size_t>(tokens));
  for (std::size_t t = 0; t + 1 < offsets.size(); ++t)
    for (std::int64_t token = offsets[t]; token < offsets[t + 1]; ++token) {
      std::int64_t const place = static_cast<std::int64_t>(t) * longest + token - offsets[t];
      token_at[static_cast<std::size_t>(place)] = token;
      place_of[static_cast<std::size_t>(token)] = place;
    }
  auto const index = torch::tensor(token_at, torch::kInt64).to(qkv.device());
  auto const padded = torch::cat({qkv, qkv.new_zeros({1, qkv.size(1)})}).index_select(0, index);
  auto const parts = padded.view({n, longest, 3, heads, width}).permute({2, 0, 3, 1, 4});
  auto const nobody = (index == tokens).view({n, 1, 1, longest});
  auto const scores = torch::matmul(parts[0], parts[1].transpose(-1, -2)) / std::sqrt(static_cast<double>(width));
  // Not minus infinity: a sequence without tokens would make NaN of it.
  auto const attended = torch::softmax(scores.masked_fill(nobody, std::numeric_limits<float>::lowest()), -1);
  auto const context = torch::matmul(torch::dropout(attended, dropout_rate, dropout_rate > 0), parts[2]);
  return context.permute({0, 2, 1, 3})
      .reshape({n * longest, heads * width})
      .index_select(0, torch::tensor(place_of, torch::kInt64).to(qkv.device()));
}

Tensor mean_pool_by_torch(Tensor const& hidden, std::vector<std::int32_t> const& offsets,
                          std::vector<std::int64_t> const& texts) {
  auto shares = torch::zeros({static_cast<std::int64_t>(texts.size()), hidden.size(0)});
  for (std::size_t row = 0; row < texts.size(); ++row) {
    auto const t = static_cast<std::size_t>(texts[row]);
    std::int64_t const n = offsets[t + 1] - offsets[t];
    shares[static_cast<std::int64_t>(row)].narrow(0, offsets[t], n).fill_(1.0 / static_cast<double>(n));
  }
  return torch::matmul(shares.to(hidden.device()), hidden);
}

}  // namespace polytask::nn
