// A table of distances as one head of one text reads it. Column m is of distance n - 1 - m: for query i, the distances
// to keys 0, 1, ... then stand side by side from column n - 1 - i on.
#pragma once

#include <cstdint>

namespace polytask::kernels {

/// Floats from one line of `fill_columns` to the next: room for whole vectors from every column on.
constexpr std::int64_t columns_width(std::int64_t n, std::int64_t lanes) {
  return 2 * ((n + lanes - 1) / lanes * lanes) + lanes;
}

/// table: rows of `stride` floats, of which `d` are read. out: [d, width], zeros behind the last column.
[[gnu::always_inline]] inline void fill_columns(std::int64_t n, std::int64_t d, std::int32_t const* rows,
                                                float const* table, std::int64_t stride, std::int64_t width,
                                                float* out) {
  std::int64_t const n_columns = 2 * n - 1;
  for (std::int64_t m = 0; m < n_columns; ++m) {
    float const* const row = table + rows[m] * stride;
    for (std::int64_t k = 0; k < d; ++k) out[k * width + m] = row[k];
  }
  for (std::int64_t k = 0; k < d; ++k)
    for (std::int64_t m = n_columns; m < width; ++m) out[k * width + m] = 0.0F;
}

}  // namespace polytask::kernels
