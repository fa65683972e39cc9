#include "eval/internal/calibration_error.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace polytask::eval {
namespace {

constexpr double kBins = 15;

}  // namespace

CalibrationError::CalibrationError(std::vector<Row> rows) : rows_(std::move(rows)) {
  for (auto const& row : rows_)
    bins_.push_back(static_cast<std::size_t>(std::clamp(std::ceil(row.confidence * kBins) - 1, 0.0, kBins - 1.0)));
}

double CalibrationError::value(std::span<std::uint32_t const> counts) const {
  double total = 0;
  std::vector<double> gap(static_cast<std::size_t>(kBins), 0);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    gap[bins_[i]] += counts[i] * (rows_[i].confidence - (rows_[i].is_right ? 1.0 : 0.0));
    total += counts[i];
  }
  if (total == 0) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (double const of_bin : gap) sum += std::abs(of_bin);
  return sum / total;
}

}  // namespace polytask::eval
