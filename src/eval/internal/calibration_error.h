// How far the confidence of answers is from how often they are right.
#pragma once

#include <cstddef>
#include <vector>

#include "eval/metrics.h"

namespace polytask::eval {

/// Expected calibration error: the mean gap between the top probability and the accuracy over 15 bins of equal width,
/// (0, 1/15], ..., weighted by their rows (Guo et al. 2017, arXiv:1706.04599, eq. 3).
class CalibrationError final : public Metric {
 public:
  struct Row {
    double confidence = 0;  ///< probability of the answer, 0..1
    bool is_right = false;
  };
  explicit CalibrationError(std::vector<Row> rows);
  [[nodiscard]] double value(std::span<std::uint32_t const> counts) const override;

 private:
  std::vector<Row> rows_;
  std::vector<std::size_t> bins_;  ///< by row
};

}  // namespace polytask::eval
