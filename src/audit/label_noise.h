// Labels that are probably wrong.
// Method: confident learning (Northcutt et al. 2021, doi:10.1613/jair.1.12125, sections 3.1 and 3.2: the confident
// joint and its off-diagonal rows), ranked by normalised margin. The probabilities come from a bag-of-words model that
// has not seen the row (eval/out_of_fold.h): what it cannot tell apart, it cannot doubt either.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace polytask::audit {

/// A row whose label another one outdoes.
struct Suspect {
  std::size_t row = 0;
  std::size_t given = 0;      ///< label
  std::size_t suggested = 0;  ///< label
  double margin = 0;          ///< probability of the given label minus that of the suggested one, -1..1; low = sure
};

struct LabelNoise {
  std::vector<Suspect> suspects;        ///< the surest first; ties by row
  std::size_t n_rows = 0;               ///< looked at
  std::vector<double> self_confidence;  ///< by label: mean probability of it among the rows that carry it; NaN = no row
};

/// given: [rows] indices of labels; probabilities: [rows, n_labels]. A row is suspect where some other label reaches
/// the mean probability that this label has among its own rows, and is more probable than the given one.
[[nodiscard]] LabelNoise confident_learning(std::span<std::size_t const> given, std::span<float const> probabilities,
                                            std::size_t n_labels);

/// A number that is far from what others of its words have: |residual| above `deviations` times the robust standard
/// deviation of residuals (1.4826 times their median absolute deviation; Hampel 1974). The farthest first.
struct Outlier {
  std::size_t row = 0;
  double given = 0;
  double expected = 0;
  double deviations = 0;
};
[[nodiscard]] std::vector<Outlier> outliers(std::span<double const> given, std::span<float const> expected,
                                            double deviations = 4.0);

}  // namespace polytask::audit
