// What every instruction set can do with its plain multiply and add; the including file has defined `kLanes`.
#pragma once

#include "kernels/internal/vector_math.h"

namespace polytask::kernels {
namespace {

[[gnu::always_inline]] inline Floats multiply_add_float32(Floats sum, Floats a, Floats b) { return sum + a * b; }

/// bfloat16 is the upper half of a float32: the odd element stands where it is, the even one is moved there.
[[gnu::always_inline]] inline Floats multiply_add_pairs(Floats sum, Floats a, Floats b) {
  Ints const pair_a = reinterpret_cast<Ints>(a);
  Ints const pair_b = reinterpret_cast<Ints>(b);
  sum += reinterpret_cast<Floats>(pair_a << 16) * reinterpret_cast<Floats>(pair_b << 16);
  constexpr auto kUpper = static_cast<std::int32_t>(0xFFFF0000U);
  return sum + reinterpret_cast<Floats>(pair_a & kUpper) * reinterpret_cast<Floats>(pair_b & kUpper);
}

[[gnu::always_inline]] inline Ints multiply_add_bytes(Ints sum, Ints a, Ints b) {
  for (int shift = 0; shift < 32; shift += 8) sum += ((a >> shift) & 0xFF) * ((b << (24 - shift)) >> 24);
  return sum;
}

/// To the nearest, halves to even.
[[gnu::always_inline]] inline Halves nearest_bfloat16(Floats x) {
  Ints const bits = reinterpret_cast<Ints>(x);
  return __builtin_convertvector((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16, Halves);
}

}  // namespace
}  // namespace polytask::kernels
