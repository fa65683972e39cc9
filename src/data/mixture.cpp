#include "data/mixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "base/error.h"
#include "base/random.h"

namespace polytask::data {

Mixture::Mixture(std::vector<std::size_t> sizes, std::vector<double> shares, std::uint64_t seed)
    : sizes_(std::move(sizes)), shares_(std::move(shares)), seed_(seed), orders_(sizes_.size()) {
  expects(!sizes_.empty() && sizes_.size() == shares_.size(), "a mixture has a share for each of its streams");
  double const total = std::accumulate(shares_.begin(), shares_.end(), 0.0);
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    expects(sizes_[i] >= 1 && shares_[i] > 0, "every stream of a mixture has rows and a share");
    shares_[i] /= total;
  }
  state_.credit.assign(sizes_.size(), 0.0);
  state_.n_drawn.assign(sizes_.size(), 0);
}

DrawnRow Mixture::next() {
  for (std::size_t i = 0; i < shares_.size(); ++i) state_.credit[i] += shares_[i];
  auto const richest = std::max_element(state_.credit.begin(), state_.credit.end());
  *richest -= 1.0;
  auto const stream = static_cast<std::size_t>(richest - state_.credit.begin());
  std::uint64_t const drawn = state_.n_drawn[stream]++;
  reshuffle(stream, drawn / sizes_[stream]);
  return {stream, orders_[stream].rows[drawn % sizes_[stream]]};
}

void Mixture::restore(State state) {
  expects(state.credit.size() == sizes_.size() && state.n_drawn.size() == sizes_.size(),
          "a mixture's state fits its streams");
  state_ = std::move(state);
}

void Mixture::reshuffle(std::size_t stream, std::uint64_t pass) {
  auto& order = orders_[stream];
  if (order.pass == pass) return;
  order.pass = pass;
  order.rows.resize(sizes_[stream]);
  std::iota(order.rows.begin(), order.rows.end(), 0U);
  Rng rng = Rng::for_purpose(seed_, (pass << 16) ^ (stream + 1));
  rng.shuffle(std::span(order.rows));
}

std::vector<double> temperature_shares(std::vector<std::size_t> const& sizes, double temperature, std::int64_t cap) {
  std::vector<double> shares;
  for (auto const size : sizes)
    shares.push_back(std::pow(std::min(static_cast<double>(size), static_cast<double>(cap)), 1.0 / temperature));
  return shares;
}

}  // namespace polytask::data
