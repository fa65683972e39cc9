// Vectors as attention uses them, in training and in answers. The including file has chosen an instruction set for all
// that follows and defined `kLanes`, the floats a vector. Nothing of the standard library is called here: the linker
// would take one file's copy of it for all.
#pragma once

#include <cstdint>

namespace polytask::kernels {
namespace {

using Lanes = float __attribute__((vector_size(kLanes * sizeof(float)), may_alias, aligned(4)));
constexpr float kNever = -1.0e30F;  // the score of a place that is no token

[[gnu::always_inline]] inline Lanes& at(float* place) { return *reinterpret_cast<Lanes*>(place); }
[[gnu::always_inline]] inline Lanes const& at(float const* place) { return *reinterpret_cast<Lanes const*>(place); }

constexpr std::int64_t whole_vectors(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }
[[gnu::always_inline]] inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
[[gnu::always_inline]] inline std::int64_t greater(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

/// 0, 1, ... of as many lanes as a vector has.
template <int... lane>
struct LaneNumbers {};
template <int n, int... lane>
struct CountLanes : CountLanes<n - 1, n - 1, lane...> {};
template <int... lane>
struct CountLanes<0, lane...> {
  using Numbers = LaneNumbers<lane...>;
};
using AllLanes = CountLanes<kLanes>::Numbers;

using Bits = std::uint32_t __attribute__((vector_size(kLanes * sizeof(float))));
using Numbers = std::int32_t __attribute__((vector_size(kLanes * sizeof(float))));
template <int... lane>
[[gnu::always_inline]] inline Numbers numbered(LaneNumbers<lane...> /*all*/) {
  return Numbers{lane...};
}

/// Of each lane and the one `distance` further on, which is what a sum or a maximum over all needs at every halving.
template <int distance, int... lane>
[[gnu::always_inline]] inline Lanes turned(Lanes x, LaneNumbers<lane...> /*all*/) {
  return __builtin_shufflevector(x, x, ((lane + distance) % static_cast<int>(kLanes))...);
}
[[gnu::always_inline]] inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }
template <int distance = kLanes / 2>
[[gnu::always_inline]] inline float sum_of(Lanes x) {
  if constexpr (distance == 1)
    return x[0] + x[1];
  else
    return sum_of<distance / 2>(x + turned<distance>(x, AllLanes()));
}
template <int distance = kLanes / 2>
[[gnu::always_inline]] inline float largest_of(Lanes x) {
  if constexpr (distance == 1)
    return x[0] > x[1] ? x[0] : x[1];
  else
    return largest_of<distance / 2>(larger(x, turned<distance>(x, AllLanes())));
}

/// The lanes of the first half of two vectors, one of each in turn; and of their second half.
template <int... lane>
[[gnu::always_inline]] inline Lanes first_halves(Lanes a, Lanes b, LaneNumbers<lane...> /*all*/) {
  return __builtin_shufflevector(a, b, (lane / 2 + lane % 2 * static_cast<int>(kLanes))...);
}
template <int... lane>
[[gnu::always_inline]] inline Lanes second_halves(Lanes a, Lanes b, LaneNumbers<lane...> /*all*/) {
  constexpr int kHalf = kLanes / 2;
  return __builtin_shufflevector(a, b, (kHalf + lane / 2 + lane % 2 * static_cast<int>(kLanes))...);
}

/// As many rows as lanes, in place: rounds that interleave row i with row i + half of them.
[[gnu::always_inline]] inline void transpose_block(Lanes (&rows)[kLanes]) {
#pragma GCC unroll 4
  for (int round = 1; round < kLanes; round *= 2) {
    Lanes next[kLanes];
#pragma GCC unroll 8
    for (int i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = first_halves(rows[i], rows[i + kLanes / 2], AllLanes());
      next[2 * i + 1] = second_halves(rows[i], rows[i + kLanes / 2], AllLanes());
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) rows[i] = next[i];
  }
}

/// rows [n, d] -> [d, np], zeros where there is no row; np: a multiple of the lanes.
[[gnu::always_inline]] inline void transpose(std::int64_t n, std::int64_t np, std::int64_t d, float const* values,
                                             std::int64_t stride, float* out) {
  std::int64_t k = 0;
  for (; k + kLanes <= d; k += kLanes)
    for (std::int64_t first = 0; first < np; first += kLanes) {
      Lanes rows[kLanes];
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < kLanes; ++i)
        rows[i] = first + i < n ? at(values + (first + i) * stride + k) : Lanes{};
      transpose_block(rows);
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < kLanes; ++i) at(out + (k + i) * np + first) = rows[i];
    }
  for (; k < d; ++k)
    for (std::int64_t j = 0; j < np; ++j) out[k * np + j] = j < n ? values[j * stride + k] : 0.0F;
}

}  // namespace
}  // namespace polytask::kernels
