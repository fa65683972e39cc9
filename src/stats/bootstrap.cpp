#include "stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace polytask::stats {

void draw_counts(Rng& rng, std::span<std::uint32_t> counts) {
  std::fill(counts.begin(), counts.end(), 0U);
  for (std::size_t i = 0; i < counts.size(); ++i) ++counts[rng.below(counts.size())];
}

double quantile(std::span<double const> sorted, double q) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  double const at = q * static_cast<double>(sorted.size() - 1);
  auto const below = static_cast<std::size_t>(at);
  std::size_t const above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Interval bootstrap_interval(std::size_t n_rows, BootstrapOptions const& options, Rng& rng,
                            std::function<double(std::span<std::uint32_t const>)> const& statistic) {
  std::vector<std::uint32_t> counts(n_rows, 1);
  if (options.n_resamples <= 0 || n_rows == 0) {
    double const value = n_rows == 0 ? std::numeric_limits<double>::quiet_NaN() : statistic(counts);
    return {value, value};
  }
  std::vector<double> values;
  for (int i = 0; i < options.n_resamples; ++i) {
    draw_counts(rng, counts);
    if (double const value = statistic(counts); std::isfinite(value)) values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  double const tail = (1 - options.confidence) / 2;
  return {quantile(values, tail), quantile(values, 1 - tail)};
}

}  // namespace polytask::stats
