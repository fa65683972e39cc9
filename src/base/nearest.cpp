#include "base/nearest.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace polytask {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Optimal string alignment distance (Damerau-Levenshtein without repeated edits of one substring).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t const cost = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost});
      bool const swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, std::span<std::string const> candidates) {
  constexpr std::size_t kLongestWord = 200;  // a megabyte typed as a label must not cost a megabyte squared
  if (word.size() > kLongestWord) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = 0;
  for (auto const& candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    std::size_t const allowed = std::max<std::size_t>(1, std::max(word.size(), candidate.size()) / 3);
    std::size_t const distance = edit_distance(word, candidate);
    if (distance <= allowed && (!best || distance < best_distance)) best = candidate, best_distance = distance;
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<std::string const> candidates) {
  auto const best = nearest(word, candidates);
  return best ? "; did you mean " + quote(*best) + "?" : std::string{};
}

}  // namespace polytask
