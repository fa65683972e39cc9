// The shapes of AMX's matrix tiles; the including file has set the target.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace polytask::kernels {
namespace {

constexpr std::int64_t kTileRows = 16;
constexpr std::int64_t kTileSteps = 16;  ///< of 4 bytes, along a row
constexpr std::int64_t kTileRowBytes = kTileSteps * 4;

/// As the processor reads it: every tile of rows and of sums has `n_rows`, at most 16; panels have all.
struct TileShapes {
  constexpr explicit TileShapes(std::int64_t n_rows) {
    for (int tile = 0; tile < 8; ++tile) {
      row_bytes[tile] = kTileRowBytes;
      rows[tile] = static_cast<std::uint8_t>(tile < 6 ? n_rows : kTileRows);
    }
  }
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

/// By number of rows. Constants, as the compiler does not know that the instruction reads all of it.
constexpr TileShapes kShapes[kTileRows] = {TileShapes(1),  TileShapes(2),  TileShapes(3),  TileShapes(4),
                                           TileShapes(5),  TileShapes(6),  TileShapes(7),  TileShapes(8),
                                           TileShapes(9),  TileShapes(10), TileShapes(11), TileShapes(12),
                                           TileShapes(13), TileShapes(14), TileShapes(15), TileShapes(16)};

/// More than 16 rows are two tiles of 16. At least one.
[[gnu::always_inline]] inline void shape_tiles(std::int64_t n_rows) {
  _tile_loadconfig(kShapes + (n_rows < kTileRows ? n_rows : kTileRows) - 1);
}

}  // namespace
}  // namespace polytask::kernels
