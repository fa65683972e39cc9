// Whether two ways of sorting the same rows go together, and how strongly.
// Method: Pearson's chi-square test of independence (Pearson 1900; Agresti 2013, Categorical Data Analysis, section
// 3.2), Cramer's V with the bias correction of Bergsma (2013, doi:10.1016/j.jkss.2012.10.002), Holm's correction for
// many tests (Holm 1979).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace polytask::stats {

struct Independence {
  double statistic = 0;
  std::size_t degrees_of_freedom = 0;  ///< 0: one row or one column is left, and nothing was tested
  double p_value = 1;
  double cramers_v = 0;  ///< bias-corrected, 0 (independent) to 1
  std::size_t n = 0;     ///< counted rows
};

/// table: [slices][labels] counts, all rows of the same length. Empty slices and labels are left out. Slices and labels
/// whose expected counts are too small for the test's approximation (Cochran 1954: below 5) should be merged before;
/// `merged` does that.
[[nodiscard]] Independence chi_square_test(std::vector<std::vector<std::size_t>> const& table);

/// The rarest labels (columns), then the smallest slices (rows), are added up until every expected count is at least
/// `least`. Where that needs it, one row or one column is left, and chi_square_test tests nothing. Deterministic.
[[nodiscard]] std::vector<std::vector<std::size_t>> merged(std::vector<std::vector<std::size_t>> table,
                                                           double least = 5.0);

/// Share of a chi-square distribution that lies above `statistic`.
[[nodiscard]] double chi_square_tail(double statistic, std::size_t degrees_of_freedom);

/// Holm's adjusted p-values, in the given order: each at most 1; a test counts where its own is below the level.
[[nodiscard]] std::vector<double> holm(std::span<double const> p_values);

}  // namespace polytask::stats
