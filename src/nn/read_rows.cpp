#include "nn/read_rows.h"

#include <torch/torch.h>

#include <algorithm>

#include "base/error.h"

namespace polytask::nn {

namespace {
constexpr double kMostOfAll = 0.75;  // of the tokens
}

ReadRows::ReadRows(std::vector<std::int64_t> tokens, std::int64_t n_tokens, torch::Device device) {
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  if (static_cast<double>(tokens.size()) > kMostOfAll * static_cast<double>(n_tokens)) return;
  place_of_.assign(static_cast<std::size_t>(n_tokens), -1);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    place_of_[static_cast<std::size_t>(tokens[i])] = static_cast<std::int64_t>(i);
  rows_ = torch::tensor(tokens, torch::kInt64).to(device);
}

std::vector<std::int64_t> ReadRows::places(std::vector<std::int64_t> const& tokens) const {
  if (!rows_.defined()) return tokens;
  std::vector<std::int64_t> places;
  for (auto const token : tokens) {
    places.push_back(place_of_[static_cast<std::size_t>(token)]);
    expects(places.back() >= 0, "a token that is read was named before");
  }
  return places;
}

}  // namespace polytask::nn
