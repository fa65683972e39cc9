#include "nn/internal/by_torch.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace polytask::nn {

using torch::Tensor;

namespace {

/// What distances add to the unscaled scores, [texts, heads, longest, longest]. parts: query, key, value of all places.
Tensor distance_scores(Tensor const& parts, AttentionByTorch const& options) {
  auto const heads = options.heads;
  auto const longest = parts.size(3);
  auto const width = parts.size(4);
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < longest; ++i)
    for (std::int64_t j = 0; j < longest; ++j) rows.push_back(kernels::relative_row(options.rows, i - j));
  auto const index = torch::tensor(rows, torch::kInt64).to(parts.device()).view({longest, longest});
  auto const by_head = [&](Tensor const& table) { return table.view({-1, heads, width}).permute({1, 2, 0}); };
  Tensor scores;
  if (options.of_keys.defined()) {
    auto const all = torch::matmul(parts[0], by_head(options.of_keys));
    scores = all.gather(3, index.expand({all.size(0), heads, longest, longest}));
  }
  if (options.of_queries.defined()) {
    auto const all = torch::matmul(parts[1], by_head(options.of_queries));  // of every key, whatever the query
    auto const found = all.gather(3, index.t().expand({all.size(0), heads, longest, longest})).transpose(-1, -2);
    scores = scores.defined() ? scores + found : found;
  }
  return scores;
}

}  // namespace

Tensor attention_by_torch(Tensor const& qkv, std::vector<std::int32_t> const& offsets,
                          AttentionByTorch const& options) {
  auto const heads = options.heads;
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
  auto nobody = (index == tokens).view({n, 1, 1, longest});
  if (options.reach > 0) {
    auto const places = torch::arange(longest, index.options());
    nobody = nobody | ((places.view({-1, 1}) - places).abs() > options.reach);
  }
  auto scores = torch::matmul(parts[0], parts[1].transpose(-1, -2));
  int const n_terms = 1 + (options.of_keys.defined() ? 1 : 0) + (options.of_queries.defined() ? 1 : 0);
  if (n_terms > 1) scores = scores + distance_scores(parts, options);
  scores = scores / std::sqrt(static_cast<double>(width * n_terms));
  // Not minus infinity: a sequence without tokens would make NaN of it.
  auto const attended = torch::softmax(scores.masked_fill(nobody, std::numeric_limits<float>::lowest()), -1);
  auto const context =
      torch::matmul(torch::dropout(attended, options.dropout_rate, options.dropout_rate > 0), parts[2]);
  return context.permute({0, 2, 1, 3})
      .reshape({n * longest, heads * width})
      .index_select(0, torch::tensor(place_of, torch::kInt64).to(qkv.device()));
}

Tensor rotate_by_torch(Tensor const& qkv, std::vector<std::int32_t> const& offsets, std::int64_t heads, double theta) {
  std::int64_t const width = qkv.size(1) / 3 / heads;
  std::vector<float> places;
  for (std::size_t t = 0; t + 1 < offsets.size(); ++t)
    for (std::int32_t i = offsets[t]; i < offsets[t + 1]; ++i) places.push_back(static_cast<float>(i - offsets[t]));
  auto const exponents = torch::arange(0, width, 2, torch::kFloat32) / static_cast<double>(width);
  auto const angles = torch::tensor(places).view({-1, 1}) / torch::pow(theta, exponents);
  auto const cosines = angles.cos().to(qkv.device()).view({-1, 1, 1, width / 2});
  auto const sines = angles.sin().to(qkv.device()).view({-1, 1, 1, width / 2});
  auto const all = qkv.view({-1, 3, heads, width});
  auto const halves = all.narrow(1, 0, 2).chunk(2, 3);
  auto const turned = torch::cat({halves[0] * cosines - halves[1] * sines, halves[1] * cosines + halves[0] * sines}, 3);
  return torch::cat({turned, all.narrow(1, 2, 1)}, 1).view(qkv.sizes());
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
