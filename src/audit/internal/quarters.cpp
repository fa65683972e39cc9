#include "audit/internal/quarters.h"

#include <fmt/format.h>

#include <algorithm>

namespace polytask::audit {

std::vector<double> quartiles(std::vector<double> values) {
  std::vector<double> borders;
  std::sort(values.begin(), values.end());
  for (std::size_t q = 1; q < 4 && !values.empty(); ++q) {
    double const border = values[q * values.size() / 4];
    if (border > values.front() && (borders.empty() || border > borders.back())) borders.push_back(border);
  }
  return borders;
}

std::int32_t part_of(std::vector<double> const& borders, double value) {
  return static_cast<std::int32_t>(std::upper_bound(borders.begin(), borders.end(), value) - borders.begin());
}

std::vector<std::string> part_names(std::vector<double> const& borders) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= borders.size(); ++i)
    names.push_back(i == 0                ? fmt::format("< {:.0f}", borders.empty() ? 0.0 : borders[0])
                                   : i == borders.size() ? fmt::format(">= {:.0f}", borders[i - 1])
                                          : fmt::format("{:.0f} - {:.0f}", borders[i - 1], borders[i] - 1));
  return names;
}

std::vector<std::string> value_names(std::vector<double> const& borders) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= borders.size(); ++i)
    names.push_back(i == 0 ? fmt::format("< {:.4g}", borders.empty() ? 0.0 : borders[0])
                           : fmt::format(">= {:.4g}", borders[i - 1]));
  return names;
}

}  // namespace polytask::audit
