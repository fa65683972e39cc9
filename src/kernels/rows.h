// Rows on their way from one packed layer to the next: normalised, and converted to what the next layer reads.
// All single-threaded; a row's result depends on that row alone.
#pragma once

#include <cstdint>

#include "kernels/packed_linear.h"

namespace polytask::kernels {

/// Bytes of one row of `width` values as a layer of that precision reads it.
[[nodiscard]] constexpr std::int64_t row_bytes(Precision precision, std::int64_t width) {
  return precision == Precision::Float32 ? 4 * width : precision == Precision::BFloat16 ? 2 * width : width;
}

/// Where converted rows go; float32 rows are never converted. `scales` for int8 alone.
struct ConvertedRows {
  Precision precision = Precision::BFloat16;
  void* values = nullptr;
  float* scales = nullptr;
};

/// x: [n_rows, width]. Int8: symmetric around 128, scale = the row's largest magnitude / 127.
void convert_rows(std::int64_t n_rows, std::int64_t width, float const* x, ConvertedRows const& out);
/// The same from bfloat16.
void convert_rows(std::int64_t n_rows, std::int64_t width, std::uint16_t const* x, ConvertedRows const& out);

/// x: [n], replaced by its products with y.
void multiply(std::int64_t n, float const* y, float* x);
/// The same of bfloat16, each product rounded.
void multiply(std::int64_t n, std::uint16_t const* y, std::uint16_t* x);

struct LayerNormWeights {
  float const* gamma = nullptr;  ///< [width]
  float const* beta = nullptr;   ///< [width]
  float epsilon = 0;
};

/// x: [n_rows, width], replaced by its normalised rows, which are converted as well where `converted` is given.
void normalize_rows(std::int64_t n_rows, std::int64_t width, LayerNormWeights const& weights, float* x,
                    ConvertedRows const* converted);

}  // namespace polytask::kernels
