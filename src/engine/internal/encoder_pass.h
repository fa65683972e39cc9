// One tile through the embeddings and layers of a network.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/internal/network.h"
#include "engine/internal/pass.h"
#include "engine/internal/tile.h"
#include "engine/internal/workers.h"

namespace polytask::engine {

/// The tokens whose states heads look at after the last layer.
struct LookedAt {
  bool all = true;
  std::vector<std::int32_t> tokens;  ///< ascending; unused where all are
  [[nodiscard]] int64_t count(Tile const& tile) const {
    return all ? tile.n_tokens() : static_cast<int64_t>(tokens.size());
  }
  /// Row of a token among those that are looked at.
  [[nodiscard]] int64_t row_of(int64_t token) const {
    return all ? token : std::lower_bound(tokens.begin(), tokens.end(), token) - tokens.begin();
  }
};

/// One member's way through the network: all members of a team call the same functions with the same arguments, and
/// return together.
class EncoderPass {
 public:
  EncoderPass(Network const& network, Tile const& tile, Workspace& workspace, kernels::AttentionScratch& scratch,
              Member const& member)
      : network_(network),
        tile_(tile),
        work_(workspace),
        scratch_(scratch),
        me_(member),
        hidden_(network.config.hidden_size) {}

  /// Tokens -> work_.lower.
  void embed();
  /// Up to the first `n` layers, from where they were left -> work_.lower, in the precision that the next one reads.
  void run_lower_layers(std::size_t n);
  /// `tokens` of what the lower layers made -> work_.upper.
  void run_upper_layers(std::span<Layer const> layers, LookedAt const& tokens);

 private:
  using Precision = kernels::Precision;

  void sum_of_tables(std::int64_t first, std::int64_t last, float* sums) const;
  void project(kernels::PackedLinear const& projection);
  void normalize(LayerNorm const& norm, std::int64_t first, std::int64_t last, Precision wanted, Rows& rows) const;
  void convert(Rows& rows, std::int64_t n_rows, std::int64_t width, Precision wanted) const;
  void apply(kernels::PackedLinear const& layer, kernels::InputRows const& x, kernels::Finish const& finish,
             kernels::OutputRows const& out) const;
  template <typename Value>
  void attend(Layer const& layer, LookedAt const& tokens, Value* context);
  /// work_.lower as `layer` reads it.
  void prepare_lower_for(Layer const& layer);
  /// What a layer reads of the rows below it: its own precision, or floats where it normalises them itself.
  [[nodiscard]] Precision reads(Layer const& layer) const;
  Rows& choose(Rows& from, LookedAt const& tokens, Precision precision);
  void run_layer(Layer const& layer, Rows& from, LookedAt const& tokens, Precision wanted, Rows& to);
  void run_layer_norm_after(Layer const& layer, Rows& from, LookedAt const& tokens, Precision wanted, Rows& to);
  void run_layer_norm_before(Layer const& layer, Rows& from, LookedAt const& tokens, Rows& to);
  void copy_neighbours(Rows& from, std::int64_t token, std::int64_t width, float* row) const;
  void convolve(Convolution const& convolution, Rows& from, LookedAt const& tokens);
  void add_convolved(Convolution const& convolution, std::int64_t n_rows, Precision wanted, Rows& to);
  void run_attention(Layer const& layer, Rows& own, Rows& all, LookedAt const& tokens, float const* residual);
  void rotate(kernels::RotaryTable const& table, LookedAt const& tokens, bool is_float);
  void run_inner(Layer const& layer, Rows& rows, std::int64_t n_rows);
  void multiply_by_gate(Layer const& layer, kernels::InputRows const& x, std::int64_t n_rows);
  [[nodiscard]] static std::uint16_t* halves_of(Rows& rows, Precision wanted);
  void convert_halves(Rows& rows, std::int64_t n_rows, std::int64_t width, Precision wanted) const;

  Network const& network_;
  Tile const& tile_;
  Workspace& work_;
  kernels::AttentionScratch& scratch_;
  Member const& me_;
  std::int64_t hidden_;
  std::vector<std::int32_t> places_;            ///< in their texts, of the rows that are looked at, where not all are
  std::size_t n_lower_done_ = 0;                ///< layers whose states work_.lower holds
  Precision lower_holds_ = Precision::Float32;  ///< what work_.lower is converted to
};

}  // namespace polytask::engine
