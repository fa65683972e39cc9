// Apart from rotary.cpp: what answers knows no OpenMP.
#include "kernels/rotary.h"

namespace polytask::kernels {

void rotate_texts(RotaryTable const& table, std::span<std::int32_t const> offsets, std::int64_t n_heads,
                  std::int64_t stride, Turn turn, float* rows) {
  auto const n_texts = static_cast<std::int64_t>(offsets.size()) - 1;
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t text = 0; text < n_texts; ++text) {
    std::int64_t const first = offsets[static_cast<std::size_t>(text)];
    std::int64_t const n = offsets[static_cast<std::size_t>(text) + 1] - first;
    for (std::int64_t place = 0; place < n; ++place)
      rotate_heads(table, place, n_heads, turn, rows + (first + place) * stride);
  }
}

}  // namespace polytask::kernels
