// One source, several instruction sets: the compiler makes a copy of a kernel for each and picks at load time.
#pragma once

#include <bit>
#include <cstdint>

// Sanitizers and the resolver of target_clones do not mix (the resolver runs before the sanitizer's start-up).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define POLYTASK_SIMD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define POLYTASK_SIMD_CLONES
#endif

namespace polytask::kernels {

/// e^x within 2 ulp for x <= 0 and 0 below -87; plain arithmetic, so that loops over it are vectorised.
/// Method: x = n ln 2 + r, a degree-6 polynomial for e^r (Cephes expf), exponent bits for 2^n.
[[gnu::always_inline]] inline float exp_nonpositive(float x) {
  float const clamped = x < -87.0F ? -87.0F : x;
  float const n = static_cast<float>(static_cast<std::int32_t>(clamped * 1.44269504F - 0.5F));
  float const r = (clamped - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  // 0 as a mask of bits: a branch here would keep the loops around it from becoming vectors.
  std::int32_t const is_in_range = -static_cast<std::int32_t>(x >= -87.0F);
  return p * std::bit_cast<float>(((static_cast<std::int32_t>(n) + 127) << 23) & is_in_range);
}

}  // namespace polytask::kernels
