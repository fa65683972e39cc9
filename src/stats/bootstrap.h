// Intervals of any statistic by resampling rows.
// Method: percentile bootstrap (Efron 1979, doi:10.1214/aos/1176344552; Efron and Tibshirani 1993, section 13.3).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/random.h"

namespace polytask::stats {

struct Interval {
  double low = 0;
  double high = 0;
};

struct BootstrapOptions {
  int n_resamples = 1'000;  ///< 0 = no interval: low = high = the statistic itself
  double confidence = 0.95;
};

/// How often each of `counts.size()` rows is drawn in one resample of as many rows.
void draw_counts(Rng& rng, std::span<std::uint32_t> counts);

/// `statistic(counts)` is computed on the rows, row i counted counts[i] times; it is called with ones first, for the
/// value itself when nothing is resampled. Undefined (NaN) statistics of single resamples are left out; when all are,
/// so is the interval.
[[nodiscard]] Interval bootstrap_interval(std::size_t n_rows, BootstrapOptions const& options, Rng& rng,
                                          std::function<double(std::span<std::uint32_t const>)> const& statistic);

/// Quantile of sorted values with linear interpolation (type 7, as numpy.quantile); NaN for none.
[[nodiscard]] double quantile(std::span<double const> sorted, double q);

}  // namespace polytask::stats
