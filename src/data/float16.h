// Numbers of 16 bits as IEEE 754 "binary16" has them: 11 significant bits, from 6e-8 up to 65504.
#pragma once

#include <bit>
#include <cstdint>

namespace polytask::data {

/// The nearest one, of two as near the even one. Beyond 65504 infinity.
[[nodiscard]] inline std::uint16_t float16_of(float value) {
  constexpr std::uint32_t kRebias = (127 - 15) << 23;
  auto const bits = std::bit_cast<std::uint32_t>(value);
  std::uint32_t const sign = bits >> 16 & 0x8000;
  std::uint32_t const magnitude = bits & 0x7FFFFFFF;
  std::uint32_t result = 0;
  if (magnitude > 0x7F800000) {
    result = 0x7E00;  // NaN
  } else if (magnitude >= 0x47800000) {
    result = 0x7C00;  // from 65536 on
  } else if (magnitude < 0x38800000) {
    // Below 2^-14 the steps are 2^-24 wide, as those of floats from 0.5 up to 1 are: their sum rounds by itself.
    result = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3F000000;
  } else {
    result = (magnitude + 0xFFF + (magnitude >> 13 & 1) - kRebias) >> 13;
  }
  return static_cast<std::uint16_t>(sign | result);
}

/// Exact, but that infinity and NaN come back as numbers from 65536 on.
[[nodiscard]] inline float float_of(std::uint16_t half) {
  constexpr std::uint32_t kRebias = (127 - 15) << 23;
  std::uint32_t const magnitude = half & 0x7FFFU;
  float const small = static_cast<float>(magnitude) * 0x1p-24F;
  float const normal = std::bit_cast<float>((magnitude << 13) + kRebias);
  float const value = magnitude < 0x400 ? small : normal;
  return half & 0x8000U ? -value : value;
}

[[nodiscard]] inline bool is_finite_float16(std::uint16_t half) { return (half & 0x7C00) != 0x7C00; }

}  // namespace polytask::data
