// Products of bfloat16 and of bytes on matrix tiles (AMX): 16 rows of 64 bytes each. A panel's 16 steps are such a tile
// as they lie, and so are 16 steps of 16 rows.
#include "kernels/internal/micro_kernel.h"

#ifdef POLYTASK_X86_KERNELS
#include <immintrin.h>

#include <cstring>
#include <type_traits>
#pragma GCC target("arch=x86-64-v4,avx512vnni,avx512bf16,amx-tile,amx-bf16,amx-int8")
#define POLYTASK_LANES 16
#define POLYTASK_HAS_VNNI
#define POLYTASK_HAS_BF16
#include "kernels/internal/matrix_tiles.h"
#include "kernels/internal/x86_steps.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kStepBytes = PackedLinear::kPanel * 4;
constexpr std::int64_t kMostRows = 2 * kTileRows;
constexpr std::int64_t kMostPanels = 2;

// Tiles are named by numbers that must stand in the code: 0 to 3 hold sums (two panels of the first 16 rows, then of
// the second), 4 and 5 rows, 6 and 7 panels.

/// The sums of tile `sums` and what they add up.
template <Precision precision, int sums>
[[gnu::always_inline]] inline void multiply_tiles() {
  constexpr bool kBytes = precision == Precision::Int8;
  if constexpr (sums == 0 && kBytes) _tile_dpbusd(0, 4, 6);
  if constexpr (sums == 1 && kBytes) _tile_dpbusd(1, 4, 7);
  if constexpr (sums == 2 && kBytes) _tile_dpbusd(2, 5, 6);
  if constexpr (sums == 3 && kBytes) _tile_dpbusd(3, 5, 7);
  if constexpr (sums == 0 && !kBytes) _tile_dpbf16ps(0, 4, 6);
  if constexpr (sums == 1 && !kBytes) _tile_dpbf16ps(1, 4, 7);
  if constexpr (sums == 2 && !kBytes) _tile_dpbf16ps(2, 5, 6);
  if constexpr (sums == 3 && !kBytes) _tile_dpbf16ps(3, 5, 7);
}

/// Bytes begin with the same sums in every row (a stride of 0), others with none.
template <Precision precision, int n_row_tiles, int n_panels>
[[gnu::always_inline]] inline void start_sums(std::int32_t const* starts) {
  if constexpr (precision == Precision::Int8) {
    _tile_loadd(0, starts, 0);
    if constexpr (n_panels > 1) _tile_loadd(1, starts + kLanes, 0);
    if constexpr (n_row_tiles > 1) _tile_loadd(2, starts, 0);
    if constexpr (n_row_tiles > 1 && n_panels > 1) _tile_loadd(3, starts + kLanes, 0);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
}

/// 16 steps of everything. Rows and panels are bytes apart as given.
template <Precision precision, int n_row_tiles, int n_panels>
[[gnu::always_inline]] inline void multiply_steps(std::byte const* rows, std::int64_t row_bytes, std::int64_t second,
                                                  std::byte const* panels, std::int64_t panel_bytes) {
  _tile_loadd(4, rows, row_bytes);
  _tile_loadd(6, panels, kStepBytes);
  multiply_tiles<precision, 0>();
  if constexpr (n_panels > 1) {
    _tile_loadd(7, panels + panel_bytes, kStepBytes);
    multiply_tiles<precision, 1>();
  }
  if constexpr (n_row_tiles > 1) {
    _tile_loadd(5, rows + second * row_bytes, row_bytes);
    multiply_tiles<precision, 2>();
    if constexpr (n_panels > 1) multiply_tiles<precision, 3>();
  }
}

/// The steps that do not fill a tile, filled up with zeros.
template <Precision precision, int n_row_tiles, int n_panels>
[[gnu::noinline]] void multiply_last_steps(Block const& block, std::int64_t second, std::int64_t first_step) {
  alignas(64) std::byte rows[kMostRows * kTileRowBytes] = {};
  alignas(64) std::byte panels[kMostPanels * kTileSteps * kStepBytes] = {};
  auto const n_steps = static_cast<std::size_t>(block.n_steps - first_step);
  for (std::int64_t row = 0; row < block.n_rows; ++row)
    __builtin_memcpy(rows + row * kTileRowBytes, block.rows + row * block.row_bytes + first_step * 4, n_steps * 4);
  for (std::int64_t panel = 0; panel < n_panels; ++panel)
    __builtin_memcpy(panels + panel * kTileSteps * kStepBytes,
                     block.panels + panel * block.panel_bytes + first_step * kStepBytes, n_steps * kStepBytes);
  asm volatile("" : : "r"(rows), "r"(panels) : "memory");  // the compiler does not know that tiles read memory
  multiply_steps<precision, n_row_tiles, n_panels>(rows, kTileRowBytes, second, panels, kTileSteps * kStepBytes);
}

/// Of more rows than a tile has, the second tile takes the last 16: what both compute is the same.
template <Precision precision, int n_row_tiles, int n_panels>
void tile_kernel(Block const& block) {
  constexpr std::int64_t kSumBytes = n_panels * kTileRowBytes;
  std::int64_t const second = block.n_rows - kTileRows;
  start_sums<precision, n_row_tiles, n_panels>(block.starts);
  std::int64_t step = 0;
  for (; step + kTileSteps <= block.n_steps; step += kTileSteps) {
    if (block.ahead != block.panels)
      for (std::int64_t line = 0; line < kTileSteps; ++line)
        __builtin_prefetch(block.ahead + (step + line) * kStepBytes, 0, 2);  // into the second cache
    multiply_steps<precision, n_row_tiles, n_panels>(block.rows + step * 4, block.row_bytes, second,
                                                     block.panels + step * kStepBytes, block.panel_bytes);
  }
  if (step < block.n_steps) multiply_last_steps<precision, n_row_tiles, n_panels>(block, second, step);
  alignas(64) Sums<precision> sums[kMostRows * n_panels];
  _tile_stored(0, sums, kSumBytes);
  if constexpr (n_panels > 1) _tile_stored(1, sums + 1, kSumBytes);
  if constexpr (n_row_tiles > 1) _tile_stored(2, sums + second * n_panels, kSumBytes);
  if constexpr (n_row_tiles > 1 && n_panels > 1) _tile_stored(3, sums + second * n_panels + 1, kSumBytes);
  finish<precision>(block, static_cast<int>(block.n_rows), n_panels, sums);
}

template <Precision precision>
MicroKernel choose(std::int64_t n_rows, std::int64_t n_panels) {
  if (n_rows > kTileRows) return n_panels > 1 ? tile_kernel<precision, 2, 2> : tile_kernel<precision, 2, 1>;
  return n_panels > 1 ? tile_kernel<precision, 1, 2> : tile_kernel<precision, 1, 1>;
}

void begin_tiles(std::int64_t n_rows) { shape_tiles(n_rows); }
void release_tiles() { _tile_release(); }

}  // namespace

MicroKernels micro_kernels_amx(Precision precision) {
  constexpr BlockSize kSize{kMostRows, kMostPanels};
  switch (precision) {
    case Precision::Float32: return kernels_of<8, 3>(precision);
    case Precision::BFloat16: return {kSize, choose<Precision::BFloat16>, begin_tiles, release_tiles, true};
    case Precision::Int8: return {kSize, choose<Precision::Int8>, begin_tiles, release_tiles, true};
  }
  return {};
}

}  // namespace polytask::kernels
#endif
