// Numbers in four parts of about the same size.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace polytask::audit {

/// Borders of four parts of about the same number of values; fewer where values are equal.
[[nodiscard]] std::vector<double> quartiles(std::vector<double> values);
[[nodiscard]] std::int32_t part_of(std::vector<double> const& borders, double value);
/// "< 12", "12 - 19", ...: of whole numbers.
[[nodiscard]] std::vector<std::string> part_names(std::vector<double> const& borders);
/// "< 1.5", ">= 1.5", ...: of numbers of any size.
[[nodiscard]] std::vector<std::string> value_names(std::vector<double> const& borders);

}  // namespace polytask::audit
