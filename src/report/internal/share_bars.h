// Shares as horizontal bars, one under another, with their names and values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace polytask::report {

/// shares: name and 0..1; the axis ends at the largest. `label_id` is the id of the element that says what is shown.
/// Empty without a share.
[[nodiscard]] std::string share_bars(std::vector<std::pair<std::string, double>> const& shares,
                                     std::string_view label_id);

/// Counts as upright bars with their names below, for parts in an order: lengths.
[[nodiscard]] std::string histogram(std::vector<std::pair<std::string, std::size_t>> const& counts,
                                    std::string_view label_id);

}  // namespace polytask::report
