#include "kernels/relative_rows.h"

#include <algorithm>
#include <cmath>

namespace polytask::kernels {

std::int64_t relative_row(RelativeRows const& rows, std::int64_t distance) {
  std::int64_t place = distance;
  std::int64_t const middle = rows.buckets / 2;
  std::int64_t const away = std::abs(distance);
  if (rows.buckets > 0 && away > middle) {
    // In float32, step by step, as the reference: a distance at the edge of two buckets falls into the same one.
    auto const of = [&](std::int64_t far) { return std::log(static_cast<float>(far) / static_cast<float>(middle)); };
    float const last =
        std::log(static_cast<float>(static_cast<double>(rows.farthest - 1) / static_cast<double>(middle)));
    auto const bucket = static_cast<std::int64_t>(std::ceil(of(away) / last * static_cast<float>(middle - 1))) + middle;
    place = distance < 0 ? -bucket : bucket;
  }
  return std::clamp<std::int64_t>(place + rows.span, 0, 2 * rows.span - 1);
}

std::vector<std::int32_t> rows_by_distance(RelativeRows const& rows, std::int64_t longest) {
  std::vector<std::int32_t> found;
  for (std::int64_t distance = longest - 1; distance > -longest; --distance)
    found.push_back(static_cast<std::int32_t>(relative_row(rows, distance)));
  return found;
}

}  // namespace polytask::kernels
