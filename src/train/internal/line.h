// The line that a head of one input starts as.
#pragma once

#include <span>

namespace polytask::train {

struct Line {
  double slope = 1;
  double intercept = 0;
};

/// Through the means of x and y, as steep as their deviations (the reduced major axis): as steep as least squares where
/// x tells y, and not flat where it does not yet. It falls only where the correlation is below noise (-3 / sqrt(n)). A
/// deviation of x below `smallest` (> 0) counts as that. As many x as y.
[[nodiscard]] Line line_through(std::span<double const> x, std::span<double const> y, double smallest);

}  // namespace polytask::train
