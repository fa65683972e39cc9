#include "stats/sample_size.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace polytask::stats {
namespace {

constexpr double kTwoSided5 = 1.959963984540054;  // z_.975
constexpr double kPower80 = 0.8416212335729143;   // z_.8

}  // namespace

double detectable_difference(std::size_t n_rows, double disagreement) {
  expects(disagreement > 0 && disagreement <= 1, "a disagreement is a share of the rows");
  if (n_rows == 0) return 1;
  // The right side falls as delta grows, so the two sides meet once; delta is at most p_d.
  double low = 0, high = disagreement;
  auto const right = [&](double delta) {
    return (kTwoSided5 * std::sqrt(disagreement) + kPower80 * std::sqrt(std::max(0.0, disagreement - delta * delta))) /
           std::sqrt(static_cast<double>(n_rows));
  };
  if (right(high) > high) return std::min(1.0, right(high));  // not even if all disagreements went one way
  for (int i = 0; i < 60; ++i) {
    double const middle = (low + high) / 2;
    (right(middle) > middle ? low : high) = middle;
  }
  return high;
}

std::size_t rows_to_detect(double difference, double disagreement) {
  expects(difference > 0, "a difference is more than nothing");
  double const delta = std::min(difference, disagreement);
  double const root = kTwoSided5 * std::sqrt(disagreement) + kPower80 * std::sqrt(disagreement - delta * delta);
  return static_cast<std::size_t>(std::ceil(root * root / (delta * delta)));
}

}  // namespace polytask::stats
