#include "stats/contingency.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace polytask::stats {
namespace {

using Table = std::vector<std::vector<std::size_t>>;

std::vector<double> column_sums(Table const& table) {
  std::vector<double> sums(table.empty() ? 0 : table.front().size());
  for (auto const& row : table)
    for (std::size_t j = 0; j < sums.size(); ++j) sums[j] += static_cast<double>(row[j]);
  return sums;
}

std::vector<double> row_sums(Table const& table) {
  std::vector<double> sums;
  for (auto const& row : table)
    sums.push_back(static_cast<double>(std::accumulate(row.begin(), row.end(), std::size_t{0})));
  return sums;
}

/// Regularised upper incomplete gamma function Q(a, x): its series below a + 1, its continued fraction (Lentz) above
/// (Abramowitz and Stegun 1964, 6.5.29 and 6.5.31).
double upper_gamma(double a, double x) {
  if (x <= 0) return 1;
  double const scale = std::exp(a * std::log(x) - x - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a, sum = term;
    for (double k = a + 1; std::abs(term) > std::abs(sum) * 1e-16; ++k) sum += term *= x / k;
    return std::clamp(1 - scale * sum, 0.0, 1.0);
  }
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a, c = 1 / kTiny, d = 1 / b, h = d;
  for (int i = 1; i < 100'000; ++i) {
    double const an = -i * (i - a);
    b += 2;
    d = an * d + b;
    c = b + an / c;
    d = 1 / (std::abs(d) < kTiny ? kTiny : d);
    c = std::abs(c) < kTiny ? kTiny : c;
    h *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return std::clamp(scale * h, 0.0, 1.0);
}

/// Adds the smallest of `sums` to the next smallest: which goes into which.
std::pair<std::size_t, std::size_t> two_smallest(std::vector<double> const& sums) {
  std::size_t first = 0;
  for (std::size_t i = 1; i < sums.size(); ++i)
    if (sums[i] < sums[first]) first = i;
  std::size_t second = first == 0 ? 1 : 0;
  for (std::size_t i = 0; i < sums.size(); ++i)
    if (i != first && sums[i] < sums[second]) second = i;
  return {first, second};
}

}  // namespace

double chi_square_tail(double statistic, std::size_t degrees_of_freedom) {
  return degrees_of_freedom == 0 ? 1.0 : upper_gamma(static_cast<double>(degrees_of_freedom) / 2, statistic / 2);
}

Independence chi_square_test(Table const& table) {
  auto const rows = row_sums(table);
  auto const columns = column_sums(table);
  double const n = std::accumulate(rows.begin(), rows.end(), 0.0);
  auto const filled = [](std::vector<double> const& sums) {
    return static_cast<std::size_t>(std::count_if(sums.begin(), sums.end(), [](double sum) { return sum > 0; }));
  };
  std::size_t const n_rows = filled(rows), n_columns = filled(columns);
  Independence found{.n = static_cast<std::size_t>(n)};
  if (n_rows < 2 || n_columns < 2) return found;
  for (std::size_t i = 0; i < table.size(); ++i)
    for (std::size_t j = 0; j < columns.size(); ++j) {
      double const expected = rows[i] * columns[j] / n;
      if (expected > 0) found.statistic += std::pow(static_cast<double>(table[i][j]) - expected, 2) / expected;
    }
  found.degrees_of_freedom = (n_rows - 1) * (n_columns - 1);
  found.p_value = chi_square_tail(found.statistic, found.degrees_of_freedom);
  double const corrected = std::max(0.0, found.statistic / n - static_cast<double>(found.degrees_of_freedom) / (n - 1));
  auto const levels = [&](std::size_t k) {
    auto const count = static_cast<double>(k);
    return count - (count - 1) * (count - 1) / (n - 1);
  };
  double const fewest = std::min(levels(n_rows), levels(n_columns)) - 1;
  found.cramers_v = fewest > 0 ? std::min(1.0, std::sqrt(corrected / fewest)) : 0.0;
  return found;
}

Table merged(Table table, double least) {
  while (!table.empty()) {
    auto const rows = row_sums(table);
    auto const columns = column_sums(table);
    double const n = std::accumulate(rows.begin(), rows.end(), 0.0);
    double const smallest_row = *std::min_element(rows.begin(), rows.end());
    double const smallest_column = columns.empty() ? 0 : *std::min_element(columns.begin(), columns.end());
    if (n <= 0 || smallest_row * smallest_column >= least * n) return table;
    bool const narrow = columns.size() <= 2;
    if (columns.size() <= 1 || rows.size() <= 1) return table;
    // Labels first: there are more of them, and a slice is what the question is about.
    if (!narrow && (rows.size() <= 2 || smallest_column * static_cast<double>(columns.size()) <=
                                            smallest_row * static_cast<double>(rows.size()))) {
      auto const [from, into] = two_smallest(columns);
      for (auto& row : table) {
        row[into] += row[from];
        row.erase(row.begin() + static_cast<std::ptrdiff_t>(from));
      }
    } else {
      auto const [from, into] = two_smallest(rows);
      for (std::size_t j = 0; j < columns.size(); ++j) table[into][j] += table[from][j];
      table.erase(table.begin() + static_cast<std::ptrdiff_t>(from));
    }
  }
  return table;
}

std::vector<double> holm(std::span<double const> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - rank) * p_values[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

}  // namespace polytask::stats
