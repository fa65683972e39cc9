#include "kernels/rotary.h"

#include <cmath>

#include "base/error.h"
#include "kernels/internal/bfloat16.h"
#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

POLYTASK_SIMD_CLONES void turn_heads(std::int64_t half, std::int64_t n_heads, float const* cosines, float const* sines,
                                     float sign, float* row) {
  for (std::int64_t head = 0; head < n_heads; ++head) {
    float* const a = row + head * 2 * half;
    float* const b = a + half;
    for (std::int64_t k = 0; k < half; ++k) {
      float const sine = sign * sines[k];
      float const left = a[k];
      float const right = b[k];
      a[k] = left * cosines[k] - right * sine;
      b[k] = right * cosines[k] + left * sine;
    }
  }
}

}  // namespace

RotaryTable::RotaryTable(std::int64_t n_places, std::int64_t head_size, double theta)
    : n_places_(n_places),
      head_size_(head_size),
      cosines_(static_cast<std::size_t>(n_places * head_size / 2)),
      sines_(cosines_.size()) {
  expects(head_size % 2 == 0, "the halves of a head are turned against one another");
  // In float32, step by step, as the reference: at far places its own rounding is most of the angle's last digits.
  for (std::int64_t k = 0; k < head_size / 2; ++k) {
    float const exponent = static_cast<float>(2 * k) / static_cast<float>(head_size);
    float const frequency = 1.0F / std::pow(static_cast<float>(theta), exponent);
    for (std::int64_t place = 0; place < n_places; ++place) {
      float const angle = static_cast<float>(place) * frequency;
      auto const at = static_cast<std::size_t>(place * head_size / 2 + k);
      cosines_[at] = std::cos(angle);
      sines_[at] = std::sin(angle);
    }
  }
}

void rotate_heads(RotaryTable const& table, std::int64_t place, std::int64_t n_heads, Turn turn, float* row) {
  turn_heads(table.head_size() / 2, n_heads, table.cosines(place), table.sines(place),
             turn == Turn::Forth ? 1.0F : -1.0F, row);
}

void rotate_heads(RotaryTable const& table, std::int64_t place, std::int64_t n_heads, std::uint16_t* row) {
  std::int64_t const half = table.head_size() / 2;
  float const* const cosines = table.cosines(place);
  float const* const sines = table.sines(place);
  for (std::int64_t head = 0; head < n_heads; ++head) {
    std::uint16_t* const a = row + head * 2 * half;
    std::uint16_t* const b = a + half;
    for (std::int64_t k = 0; k < half; ++k) {
      float const left = from_bfloat16(a[k]);
      float const right = from_bfloat16(b[k]);
      a[k] = to_bfloat16(left * cosines[k] - right * sines[k]);
      b[k] = to_bfloat16(right * cosines[k] + left * sines[k]);
    }
  }
}

}  // namespace polytask::kernels
