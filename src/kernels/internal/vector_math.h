// Functions of whole vectors, in plain arithmetic on the compiler's vector types. The including file has chosen an
// instruction set for all that follows and defined `kLanes`, the floats a vector.
#pragma once

#include <cstdint>

namespace polytask::kernels {
namespace {

using Floats = float __attribute__((vector_size(kLanes * 4)));
using Ints = std::int32_t __attribute__((vector_size(kLanes * 4)));
using Halves = std::uint16_t __attribute__((vector_size(kLanes * 2)));
// The same in memory: anywhere, over bytes of any type.
using FloatsAt = float __attribute__((vector_size(kLanes * 4), may_alias, aligned(1)));
using IntsAt = std::int32_t __attribute__((vector_size(kLanes * 4), may_alias, aligned(1)));
using HalvesAt = std::uint16_t __attribute__((vector_size(kLanes * 2), may_alias, aligned(1)));

[[gnu::always_inline]] inline Floats load(float const* at) { return *reinterpret_cast<FloatsAt const*>(at); }
[[gnu::always_inline]] inline void store(float* at, Floats values) { *reinterpret_cast<FloatsAt*>(at) = values; }

/// e^x for x <= 0, as exp_nonpositive of internal/simd.h.
[[gnu::always_inline]] inline Floats exp_of_nonpositive(Floats x) {
  Floats const low = Floats{} - 87.0F;
  Floats const clamped = x < low ? low : x;
  Ints const n = __builtin_convertvector(clamped * 1.44269504F - 0.5F, Ints);
  Floats const whole = __builtin_convertvector(n, Floats);
  Floats const r = (clamped - whole * 0.693359375F) - whole * -2.12194440e-4F;
  Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + (r + 1.0F);
  Ints const power = ((n + 127) << 23) & (x >= low);
  return p * reinterpret_cast<Floats>(power);
}

/// x Phi(x), as gelu_forward.
[[gnu::always_inline]] inline Floats gelu(Floats x) {
  Floats const magnitude = reinterpret_cast<Floats>(reinterpret_cast<Ints>(x) & 0x7FFFFFFF);
  Floats const exponential = exp_of_nonpositive(x * x * -0.5F);
  Floats const t = 1.0F / (magnitude * (0.3275911F * 0.70710678F) + 1.0F);
  Floats p = t * 1.061405429F - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  Floats const tail = (p * t) * exponential * 0.5F;
  return x * (x < Floats{} ? tail : 1.0F - tail);
}

/// x Phi(x) within 2e-4 (for x > -500), for results that are rounded to bfloat16: an odd polynomial for Phi - 1/2 on
/// |x| < 3.9, 0 and 1 beyond (least largest error of x Phi(x), with Phi(3.9) = 1).
[[gnu::always_inline]] inline Floats gelu_for_bfloat16(Floats x) {
  Floats const edge = Floats{} + 3.9F;
  Floats const below = x < edge ? x : edge;
  Floats const t = below > -edge ? below : -edge;
  Floats const s = t * t;
  Floats p = s * 2.58496357e-8F - 1.73616014e-6F;
  p = p * s + 5.02438155e-5F;
  p = p * s - 8.31231724e-4F;
  p = p * s + 8.82912149e-3F;
  p = p * s - 6.46398441e-2F;
  p = p * s + 3.97895875e-1F;
  return x * (p * t + 0.5F);
}

/// x / (1 + e^-2u), u = sqrt(2 / pi) (x + 0.044715 x^3): the tanh form of Hendrycks and Gimpel 2016.
[[gnu::always_inline]] inline Floats gelu_by_tanh(Floats x) {
  Floats const u2 = (x * x * x * 0.044715F + x) * 1.5957691216F;
  Floats const e = exp_of_nonpositive(u2 < Floats{} ? u2 : -u2);
  return x * (u2 < Floats{} ? e : Floats{} + 1.0F) / (e + 1.0F);
}

/// (1 - e^-2|x|) / (1 + e^-2|x|) with the sign of x; absolute error below 2e-7.
[[gnu::always_inline]] inline Floats hyperbolic_tangent(Floats x) {
  Floats const magnitude = reinterpret_cast<Floats>(reinterpret_cast<Ints>(x) & 0x7FFFFFFF);
  Floats const e = exp_of_nonpositive(magnitude * -2.0F);
  Floats const result = (1.0F - e) / (e + 1.0F);
  return x < Floats{} ? -result : result;
}

}  // namespace
}  // namespace polytask::kernels
