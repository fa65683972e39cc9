#include "audit/label_noise.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace polytask::audit {

LabelNoise confident_learning(std::span<std::size_t const> given, std::span<float const> probabilities,
                              std::size_t n_labels) {
  expects(probabilities.size() == given.size() * n_labels, "every row has a probability of every label");
  LabelNoise noise{.n_rows = given.size(), .self_confidence = std::vector<double>(n_labels)};
  auto& threshold = noise.self_confidence;
  std::vector<double> counts(n_labels);
  for (std::size_t i = 0; i < given.size(); ++i) {
    threshold[given[i]] += static_cast<double>(probabilities[i * n_labels + given[i]]);
    ++counts[given[i]];
  }
  for (std::size_t j = 0; j < n_labels; ++j) threshold[j] = counts[j] > 0 ? threshold[j] / counts[j] : std::nan("");

  for (std::size_t i = 0; i < given.size(); ++i) {
    auto const row = probabilities.subspan(i * n_labels, n_labels);
    std::size_t best = n_labels;
    for (std::size_t j = 0; j < n_labels; ++j)
      if (static_cast<double>(row[j]) >= threshold[j] && (best == n_labels || row[j] > row[best])) best = j;
    if (best == n_labels || best == given[i] || row[best] <= row[given[i]]) continue;
    noise.suspects.push_back({i, given[i], best, static_cast<double>(row[given[i]]) - static_cast<double>(row[best])});
  }
  std::stable_sort(noise.suspects.begin(), noise.suspects.end(),
                   [](auto const& a, auto const& b) { return a.margin < b.margin; });
  return noise;
}

std::vector<Outlier> outliers(std::span<double const> given, std::span<float const> expected, double deviations) {
  expects(given.size() == expected.size(), "every number has an expected one");
  std::vector<double> sizes;
  for (std::size_t i = 0; i < given.size(); ++i) sizes.push_back(std::abs(given[i] - static_cast<double>(expected[i])));
  if (sizes.empty()) return {};
  auto sorted = sizes;
  auto const middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  double const scale = 1.4826 * *middle;
  std::vector<Outlier> found;
  for (std::size_t i = 0; i < sizes.size() && scale > 0; ++i)
    if (sizes[i] > deviations * scale)
      found.push_back({i, given[i], static_cast<double>(expected[i]), sizes[i] / scale});
  std::stable_sort(found.begin(), found.end(),
                   [](auto const& a, auto const& b) { return a.deviations > b.deviations; });
  return found;
}

}  // namespace polytask::audit
