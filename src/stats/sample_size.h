// How many labelled rows a comparison of two systems on the same rows needs, and what a given number can show.
// Method: McNemar's test of paired proportions, normal approximation (Connor 1987, doi:10.2307/2531961): of n rows the
// two systems are right on different ones with probability p_d; the difference of their accuracies is delta.
#pragma once

#include <cstddef>

namespace polytask::stats {

/// Share of the rows on which two systems that are to be compared are right, one without the other.
inline constexpr double kUsualDisagreement = 0.10;

/// The smallest difference of accuracies (a share, 0..1) that a two-sided 5 % test on n rows finds with a probability
/// of 80 %: delta = (z_.975 sqrt(p_d) + z_.8 sqrt(p_d - delta^2)) / sqrt(n). 1 where n shows nothing.
[[nodiscard]] double detectable_difference(std::size_t n_rows, double disagreement = kUsualDisagreement);

/// Rows for which detectable_difference is at most `difference` (> 0).
[[nodiscard]] std::size_t rows_to_detect(double difference, double disagreement = kUsualDisagreement);

}  // namespace polytask::stats
