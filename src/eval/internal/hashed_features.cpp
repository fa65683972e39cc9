#include "eval/internal/hashed_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/error.h"

namespace polytask::eval {
namespace {

/// splitmix64's finaliser (Steele et al. 2014, doi:10.1145/2660193.2660195).
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

/// FNV-1a over the word in lower case (ASCII).
std::uint64_t hash_of(std::string_view word) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (char c : word) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  return mixed(hash);
}

using Hashes = std::vector<std::uint64_t>;

/// Words, then pairs of neighbours; sorted, each once.
void add_grams(std::string_view text, Hashes& grams) {
  std::uint64_t before = 0;
  for (auto const range : word_ranges(text)) {
    auto const word = hash_of(text.substr(range.begin, range.end - range.begin));
    grams.push_back(word);
    if (before != 0) grams.push_back(mixed(before * 3 + word));
    before = word;
  }
  std::sort(grams.begin(), grams.end());
  grams.erase(std::unique(grams.begin(), grams.end()), grams.end());
}

/// A pair: which grams both texts have, which only one has, and their share in ten steps.
Hashes pair_grams(Hashes const& first, Hashes const& second) {
  constexpr std::uint64_t kBoth = 0x9E3779B97F4A7C15U, kOne = 0xC2B2AE3D27D4EB4FU, kShare = 0x165667B19E3779F9U;
  Hashes grams, both, one;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(both));
  std::set_symmetric_difference(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(one));
  for (auto const gram : both) grams.push_back(mixed(gram ^ kBoth));
  for (auto const gram : one) grams.push_back(mixed(gram ^ kOne));
  for (std::uint64_t step = 1; step <= 10; ++step)
    if (both.size() * 10 >= (both.size() + one.size()) * step) grams.push_back(mixed(kShare + step));
  return grams;
}

}  // namespace

HashedFeatures::HashedFeatures(std::span<task::Example const* const> examples, std::size_t n_buckets) {
  expects(n_buckets > 0 && (n_buckets & (n_buckets - 1)) == 0, "the number of buckets is a power of two");
  std::vector<std::uint32_t> n_documents(n_buckets);
  begins_.push_back(0);
  Hashes first, second;
  for (auto const* example : examples) {
    first.clear();
    add_grams(example->texts.at(0), first);
    if (example->texts.size() > 1) {
      second.clear();
      add_grams(example->texts[1], second);
      first = pair_grams(first, second);
    }
    std::uint64_t key = 0;
    for (auto const gram : first) key += gram;
    keys_.push_back(key);
    auto const begin = buckets_.size();
    for (auto const gram : first) buckets_.push_back(static_cast<std::uint32_t>(gram & (n_buckets - 1)));
    auto const at = buckets_.begin() + static_cast<std::ptrdiff_t>(begin);
    std::sort(at, buckets_.end());
    buckets_.erase(std::unique(at, buckets_.end()), buckets_.end());
    for (auto i = begin; i < buckets_.size(); ++i) ++n_documents[buckets_[i]];
    begins_.push_back(buckets_.size());
  }
  for (auto const df : n_documents)
    weights_.push_back(static_cast<float>(std::log((1.0 + static_cast<double>(examples.size())) / (1.0 + df)) + 1.0));
}

void HashedFeatures::of(std::size_t row, Features& features) const {
  features.clear();
  double squares = 0;
  for (auto i = begins_[row]; i < begins_[row + 1]; ++i) {
    float const value = weights_[buckets_[i]];
    squares += static_cast<double>(value) * value;
    features.push_back({buckets_[i], value});
  }
  auto const scale = squares > 0 ? static_cast<float>(1.0 / std::sqrt(squares)) : 0.0F;
  for (auto& feature : features) feature.value *= scale;
}

}  // namespace polytask::eval
