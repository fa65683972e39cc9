#include "eval/internal/linear_model.h"

#include <cmath>

namespace polytask::eval {

LinearModel::LinearModel(std::size_t n_features, std::size_t n_outputs)
    : n_outputs_(n_outputs),
      bias_(n_features),
      weights_((n_features + 1) * n_outputs),
      squares_(weights_.size()),
      sums_(weights_.size()) {}

template <typename Visit>
void LinearModel::for_each(Features const& features, Visit const& visit) const {
  for (auto const& feature : features) visit(feature.index * n_outputs_, feature.value);
  visit(bias_ * n_outputs_, 1.0F);
}

std::vector<float> LinearModel::scores(Features const& features) const {
  std::vector<float> out(n_outputs_);
  for_each(features, [&](std::size_t at, float value) {
    for (std::size_t o = 0; o < n_outputs_; ++o) out[o] += weights_[at + o] * value;
  });
  return out;
}

void LinearModel::learn(Features const& features, std::vector<float> const& gradient) {
  for_each(features, [&](std::size_t at, float value) {
    for (std::size_t o = 0; o < n_outputs_; ++o) {
      float const g = gradient[o] * value;
      if (g == 0.0F) continue;
      squares_[at + o] += g * g;
      weights_[at + o] -= kStep * g / (std::sqrt(squares_[at + o]) + kDelta);
    }
  });
}

void LinearModel::remember() {
  for (std::size_t i = 0; i < weights_.size(); ++i) sums_[i] += weights_[i];
  ++n_remembered_;
}

void LinearModel::average() {
  for (std::size_t i = 0; i < weights_.size() && n_remembered_ > 0; ++i)
    weights_[i] = sums_[i] / static_cast<float>(n_remembered_);
}

}  // namespace polytask::eval
