#include "train/internal/line.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace polytask::train {

Line line_through(std::span<double const> x, std::span<double const> y, double smallest) {
  expects(x.size() == y.size() && smallest > 0, "a line goes through points");
  if (x.empty()) return {};
  auto const n = static_cast<double>(x.size());
  double const mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double const mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  bool const falls = xy * std::sqrt(n) < -3 * std::sqrt(xx) * std::sqrt(yy);
  double const slope = (falls ? -1 : 1) * std::sqrt(yy / n) / std::max(smallest, std::sqrt(xx / n));
  return {slope, mean_y - slope * mean_x};
}

}  // namespace polytask::train
