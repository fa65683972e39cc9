// Random numbers that are the same everywhere: no standard-library distribution.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace polytask {

/// xoshiro256++ 1.0 (Blackman and Vigna 2019, https://prng.di.unimi.it) seeded through splitmix64.
/// The same seed gives the same numbers on every platform. Not for secrets. Not thread-safe.
class Rng {
 public:
  explicit Rng(std::uint64_t seed);
  /// A generator for one purpose: streams of different names (or of different seeds) are independent.
  static Rng for_purpose(std::uint64_t seed, std::uint64_t purpose);

  std::uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in {0, ..., n - 1} without bias (Lemire 2019, arXiv:1805.10941); n >= 1.
  std::uint64_t below(std::uint64_t n);
  /// Standard normal (Box-Muller, one value a call).
  double normal();

  template <typename T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      using std::swap;
      swap(items[i - 1], items[below(i)]);
    }
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace polytask
