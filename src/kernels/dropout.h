// Which elements dropout keeps, computed from a counter: no mask is stored, and threads change nothing.
#pragma once

#include <cstdint>

namespace polytask::kernels {

/// One dropout site of one training step. `rate` 0 keeps everything.
struct Dropout {
  float rate = 0.0F;       ///< 0 <= rate < 1
  std::uint64_t seed = 0;  ///< differs between sites and steps

  [[nodiscard]] bool active() const noexcept { return rate > 0.0F; }
  /// What a kept element is multiplied with, so that the expectation stays.
  [[nodiscard]] float scale() const noexcept { return 1.0F / (1.0F - rate); }
  /// An element is dropped when its 32 random bits are below this.
  [[nodiscard]] std::uint32_t threshold() const noexcept {
    return static_cast<std::uint32_t>(static_cast<double>(rate) * 4294967296.0);
  }
};

/// The seed of the `n`th site of a pass, and that of the `n`th unit (a text's head) within a site. Two strides, so that
/// a unit never has the mask of another site.
[[nodiscard]] constexpr std::uint64_t seed_of_site(std::uint64_t pass_seed, std::uint64_t n) noexcept {
  return pass_seed + n * 0x9E3779B97F4A7C15ULL;
}
[[nodiscard]] constexpr std::uint64_t seed_of_unit(std::uint64_t site_seed, std::uint64_t n) noexcept {
  return site_seed + n * 0xD1B54A32D192ED03ULL;
}

/// 32 well mixed bits of (seed, index): two rounds of multiply and shift (constants of the bias-searched 32-bit
/// hashes in https://github.com/skeeto/hash-prospector), short enough to be vectorised. `Word`: std::uint32_t, or a
/// vector of them.
template <typename Word>
[[nodiscard, gnu::always_inline]] inline Word dropout_bits(std::uint64_t seed, Word index) noexcept {
  Word h = index * 0x9E3779B1U + static_cast<std::uint32_t>(seed);
  h ^= h >> 16;
  h *= 0x21F0AAADU;
  h ^= (h >> 15) ^ static_cast<std::uint32_t>(seed >> 32);
  h *= 0x735A2D97U;
  h ^= h >> 15;
  return h;
}

}  // namespace polytask::kernels
