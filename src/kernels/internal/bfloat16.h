// bfloat16: the upper half of a float32.
#pragma once

#include <bit>
#include <cstdint>

namespace polytask::kernels {

/// To the nearest, halves to even; finite numbers alone.
[[gnu::always_inline]] inline std::uint16_t to_bfloat16(float value) {
  auto const bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}
[[gnu::always_inline]] inline float from_bfloat16(std::uint16_t half) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U);
}

}  // namespace polytask::kernels
