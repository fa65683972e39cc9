#include "kernels/rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

#include "base/error.h"
#include "kernels/internal/bfloat16.h"
#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

using std::int64_t;

[[gnu::always_inline]] inline float to_float(float value) { return value; }
[[gnu::always_inline]] inline float to_float(std::uint16_t value) { return from_bfloat16(value); }

template <typename From>
[[gnu::always_inline]] inline void row_to_bfloat16(int64_t width, From const* x, std::uint16_t* out) {
  for (int64_t i = 0; i < width; ++i) out[i] = to_bfloat16(to_float(x[i]));
}

/// Magnitudes of floats are ordered as their bits are, and the largest of integers is a vector instruction everywhere.
template <typename From>
[[gnu::always_inline]] inline float to_int8(int64_t width, From const* x, std::uint8_t* out) {
  std::int32_t largest_bits = 0;
  for (int64_t i = 0; i < width; ++i)
    largest_bits = std::max(largest_bits, std::bit_cast<std::int32_t>(to_float(x[i])) & 0x7FFFFFFF);
  auto const largest = std::bit_cast<float>(largest_bits);
  float const inverse = largest > 0.0F ? 127.0F / largest : 0.0F;
  // Adding 1.5 * 2^23 rounds to the nearest integer, which is then in the low bits; 128 makes it a byte.
  constexpr float kRounds = 12582912.0F;
  for (int64_t i = 0; i < width; ++i) {
    float const shifted = to_float(x[i]) * inverse + kRounds;
    out[i] = static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(shifted) + 128U);
  }
  return largest / 127.0F;
}

template <typename From>
[[gnu::always_inline]] inline void convert_row(int64_t row, int64_t width, From const* x, ConvertedRows const& out) {
  if (out.precision == Precision::Int8)
    out.scales[row] = to_int8(width, x, static_cast<std::uint8_t*>(out.values) + row * width);
  else
    row_to_bfloat16(width, x, static_cast<std::uint16_t*>(out.values) + row * width);
}

[[gnu::always_inline]] inline void normalize_row(int64_t width, LayerNormWeights const& weights, float* x) {
  float sum = 0.0F;
  for (int64_t i = 0; i < width; ++i) sum += x[i];
  float const mean = sum / static_cast<float>(width);
  float squares = 0.0F;
  for (int64_t i = 0; i < width; ++i) squares += (x[i] - mean) * (x[i] - mean);
  float const inverse = 1.0F / std::sqrt(squares / static_cast<float>(width) + weights.epsilon);
  for (int64_t i = 0; i < width; ++i) x[i] = (x[i] - mean) * inverse * weights.gamma[i] + weights.beta[i];
}

POLYTASK_SIMD_CLONES void convert_floats(int64_t n_rows, int64_t width, float const* x, ConvertedRows const& out) {
  for (int64_t row = 0; row < n_rows; ++row) convert_row(row, width, x + row * width, out);
}
POLYTASK_SIMD_CLONES void convert_halves(int64_t n_rows, int64_t width, std::uint16_t const* x,
                                         ConvertedRows const& out) {
  for (int64_t row = 0; row < n_rows; ++row) convert_row(row, width, x + row * width, out);
}
POLYTASK_SIMD_CLONES void normalize(int64_t n_rows, int64_t width, LayerNormWeights const& weights, float* x,
                                    ConvertedRows const* converted) {
  for (int64_t row = 0; row < n_rows; ++row) {
    normalize_row(width, weights, x + row * width);
    if (converted != nullptr) convert_row(row, width, x + row * width, *converted);
  }
}

template <typename Value>
[[gnu::always_inline]] inline Value product(Value x, Value y) {
  if constexpr (std::is_same_v<Value, float>)
    return x * y;
  else
    return to_bfloat16(to_float(x) * to_float(y));
}
POLYTASK_SIMD_CLONES void multiply_floats(int64_t n, float const* y, float* x) {
  for (int64_t i = 0; i < n; ++i) x[i] = product(x[i], y[i]);
}
POLYTASK_SIMD_CLONES void multiply_halves(int64_t n, std::uint16_t const* y, std::uint16_t* x) {
  for (int64_t i = 0; i < n; ++i) x[i] = product(x[i], y[i]);
}

}  // namespace

void multiply(int64_t n, float const* y, float* x) { multiply_floats(n, y, x); }
void multiply(int64_t n, std::uint16_t const* y, std::uint16_t* x) { multiply_halves(n, y, x); }
void convert_rows(int64_t n_rows, int64_t width, float const* x, ConvertedRows const& out) {
  expects(out.precision != Precision::Float32, "float32 rows need no conversion");
  convert_floats(n_rows, width, x, out);
}
void convert_rows(int64_t n_rows, int64_t width, std::uint16_t const* x, ConvertedRows const& out) {
  convert_halves(n_rows, width, x, out);
}
void normalize_rows(int64_t n_rows, int64_t width, LayerNormWeights const& weights, float* x,
                    ConvertedRows const* converted) {
  normalize(n_rows, width, weights, x, converted);
}

}  // namespace polytask::kernels
