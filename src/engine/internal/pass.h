// One tile through the network: embeddings, layers, the heads that are asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/internal/network.h"
#include "engine/internal/tile.h"
#include "engine/internal/workers.h"
#include "kernels/rows.h"
#include "kernels/text_attention.h"

namespace polytask::engine {

/// Memory that starts at a cache line and only grows; what it holds is lost when it does. Nobody touches it before it
/// is used: a precision that a model does not compute in takes no page.
template <typename T>
class Buffer {
 public:
  void reserve(std::int64_t n) {
    auto const wanted = static_cast<std::size_t>(n) + 64 / sizeof(T);
    if (size_ >= wanted) return;
    storage_ = std::make_unique_for_overwrite<T[]>(wanted);
    size_ = wanted;
  }
  [[nodiscard]] T* data() noexcept {
    auto const address = reinterpret_cast<std::uintptr_t>(storage_.get());
    return reinterpret_cast<T*>((address + 63) / 64 * 64);
  }

 private:
  std::unique_ptr<T[]> storage_;
  std::size_t size_ = 0;
};

/// Rows of one width, as floats and in the precision that their reader wants.
struct Rows {
  Buffer<float> floats;
  Buffer<std::byte> converted;
  Buffer<float> scales;
  void reserve(std::int64_t n_rows, std::int64_t width);
  [[nodiscard]] kernels::ConvertedRows destination(kernels::Precision precision) {
    return {precision, converted.data(), scales.data()};
  }
  [[nodiscard]] kernels::InputRows as(kernels::Precision precision, std::int64_t n_rows, std::int64_t width);
};

/// What a pass works in; one for each team of workers.
struct Workspace {
  Buffer<float> embedded;   ///< [tokens, width of the tables], where that is another than hidden
  Rows lower;               ///< hidden states below the upper layers
  Rows upper;               ///< and above
  Rows middle;              ///< between the halves of a layer
  Rows normal;              ///< what a half reads, where norms stand before the halves
  Buffer<float> residual;   ///< [rows, hidden]: what its result is added to, there
  Buffer<float> gate;       ///< [rows, intermediate] of a gated layer, as `inner`
  Rows chosen;              ///< the rows that are looked at, before the last layer
  Buffer<float> query;      ///< [rows, hidden]; bfloat16 where the layer computes in less than float32
  Buffer<float> key_value;  ///< [tokens, 2 hidden], as the query
  Rows context;             ///< [rows, hidden]
  Rows inner;               ///< [rows, intermediate]
  Rows neighbours;          ///< [rows, width * hidden] that a convolution reads, where there is one
  Buffer<float> convolved;  ///< [rows, hidden]: what it makes of them
  Buffer<float> states;     ///< what a head sees
  Buffer<float> pooled;     ///< what a pooler makes of one state
};

/// Logits of a tile: [position in heads][text], each [units * outputs].
using TileLogits = std::vector<std::vector<std::vector<float>>>;

/// Goes through the tile as one of a team: all members call this with the same arguments but `member` and `scratch`,
/// and return together. `logits` is filled by the first. The workspace must have been reserved for the tile.
void run_pass(Network const& network, Tile const& tile, std::span<std::size_t const> heads, Workspace& workspace,
              kernels::AttentionScratch& scratch, Member const& member, TileLogits& logits);

/// The same up to the states that all layers of the network make of the tile's tokens: workspace.lower.floats, [tokens,
/// hidden].
void run_layers(Network const& network, Tile const& tile, Workspace& workspace, kernels::AttentionScratch& scratch,
                Member const& member);

/// Makes room for a tile of `n_tokens`.
void reserve(Workspace& workspace, Network const& network, std::int64_t n_tokens);

}  // namespace polytask::engine
