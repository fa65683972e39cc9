#include "engine/internal/pass.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/error.h"
#include "engine/internal/encoder_pass.h"

namespace polytask::engine {
namespace {

using kernels::InputRows;
using kernels::OutputRows;
using kernels::PackedLinear;
using kernels::Precision;
using std::int64_t;

LookedAt looked_at(Network const& network, Tile const& tile, std::span<std::size_t const> heads) {
  LookedAt result{.all = false};
  for (auto const head : heads) {
    auto const reading = network.spec.heads[head].reading();
    if (reading == model::Reading::Words) {
      for (std::size_t text = 0; text < tile.texts.size(); ++text)
        for (auto const& unit : tile.texts[text].units)
          result.tokens.push_back(tile.offsets[text] + static_cast<std::int32_t>(unit.token));
    } else if ((reading == model::Reading::Text || reading == model::Reading::Choices) &&
               network.spec.pooling == model::Pooling::First) {
      result.tokens.insert(result.tokens.end(), tile.offsets.begin(), tile.offsets.end() - 1);
    } else {
      return {};
    }
  }
  std::sort(result.tokens.begin(), result.tokens.end());
  result.tokens.erase(std::unique(result.tokens.begin(), result.tokens.end()), result.tokens.end());
  return result;
}

/// Adds rows of `width`.
void add(int64_t width, float const* row, float* sum) {
  for (int64_t i = 0; i < width; ++i) sum[i] += row[i];
}

class Pass {
 public:
  Pass(Network const& network, Tile const& tile, Workspace& workspace, kernels::AttentionScratch& scratch,
       Member const& member)
      : network_(network),
        tile_(tile),
        work_(workspace),
        encoder_(network, tile, workspace, scratch, member),
        hidden_(network.config.hidden_size) {}

  [[nodiscard]] EncoderPass& encoder() { return encoder_; }

  /// What the head sees of work_.upper, one row a text or unit, and what it says of that.
  void answer(std::size_t head_index, LookedAt const& tokens, std::vector<std::vector<float>>& logits) {
    auto const& layer = network_.heads[head_index];
    auto const n_out = layer.shape().n_out;
    logits.resize(tile_.texts.size());
    for (int64_t text = 0; text < tile_.n_texts(); ++text) {
      int64_t const n_rows = gather_states(head_index, text, tokens);
      auto& own = logits[static_cast<std::size_t>(text)];
      own.resize(static_cast<std::size_t>(n_rows * n_out));
      layer.apply({n_rows, work_.states.data(), layer.shape().n_in * 4, nullptr}, {},
                  {OutputRows::Type::Float32, own.data(), n_out});
    }
  }

 private:
  [[nodiscard]] float const* state(int64_t token, LookedAt const& tokens) const {
    return work_.upper.floats.data() + tokens.row_of(token) * hidden_;
  }

  /// Mean state of tokens [first, last), at least one.
  void mean(int64_t first, int64_t last, float* out) const {
    std::fill_n(out, hidden_, 0.0F);
    for (int64_t token = first; token < last; ++token) add(hidden_, work_.upper.floats.data() + token * hidden_, out);
    float const inverse = 1.0F / static_cast<float>(last - first);
    for (int64_t i = 0; i < hidden_; ++i) out[i] *= inverse;
  }

  /// Fills work_.states as nn::MultiTaskModel::forward says; returns its rows.
  int64_t gather_states(std::size_t head_index, int64_t text, LookedAt const& tokens) {
    auto const& head = network_.spec.heads[head_index];
    auto const& encoded = tile_.texts[static_cast<std::size_t>(text)];
    int64_t const begin = tile_.offsets[static_cast<std::size_t>(text)];
    int64_t const end = tile_.offsets[static_cast<std::size_t>(text) + 1];
    auto const reading = head.reading();
    if (reading == model::Reading::Passage) {
      work_.states.reserve((end - begin) * hidden_);
      for (int64_t token = begin; token < end; ++token)
        std::copy_n(state(token, tokens), hidden_, work_.states.data() + (token - begin) * hidden_);
      return end - begin;
    }
    if (reading == model::Reading::Words) {
      auto const n_units = static_cast<int64_t>(encoded.units.size());
      work_.states.reserve(n_units * hidden_);
      for (int64_t i = 0; i < n_units; ++i)
        std::copy_n(state(begin + static_cast<int64_t>(encoded.units[static_cast<std::size_t>(i)].token), tokens),
                    hidden_, work_.states.data() + i * hidden_);
      return n_units;
    }
    work_.states.reserve(3 * hidden_);
    float* const pooled = work_.states.data();
    if (network_.spec.pooling == model::Pooling::Mean)
      mean(begin, end, pooled);
    else
      std::copy_n(state(begin, tokens), hidden_, pooled);
    if (auto const pooler = network_.poolers.find(head_index); pooler != network_.poolers.end())
      pool(pooler->second, pooled);
    if (model::compares(reading)) compare(head, begin, begin + encoded.second_text, end);
    return 1;
  }

  /// tanh(W state + b), in place. One row at a time: what stands beside a text does not touch its bits.
  void pool(PackedLinear const& pooler, float* state) const {
    work_.pooled.reserve(hidden_);
    float* const out = work_.pooled.data();
    pooler.apply({1, state, hidden_ * 4, nullptr}, {}, {OutputRows::Type::Float32, out, hidden_});
    for (int64_t i = 0; i < hidden_; ++i) state[i] = std::tanh(out[i]);
  }

  /// [pooled, |u - v|, u * v] behind the pooled state that stands there, or sqrt(hidden) cos(u, v) in its place.
  void compare(model::HeadSpec const& head, int64_t begin, int64_t middle, int64_t end) {
    float* const pooled = work_.states.data();
    float* const u = pooled + hidden_;
    float* const v = u + hidden_;
    mean(begin, middle, u);
    mean(middle, end, v);
    if (head.sees_cosine()) {
      double dot = 0, squares_u = 0, squares_v = 0;
      for (int64_t i = 0; i < hidden_; ++i) {
        dot += static_cast<double>(u[i]) * v[i];
        squares_u += static_cast<double>(u[i]) * u[i];
        squares_v += static_cast<double>(v[i]) * v[i];
      }
      pooled[0] = static_cast<float>(std::sqrt(static_cast<double>(hidden_)) * dot /
                                     std::max(std::sqrt(squares_u * squares_v), 1e-6));
      return;
    }
    for (int64_t i = 0; i < hidden_; ++i) {
      float const difference = std::abs(u[i] - v[i]);
      float const product = u[i] * v[i];
      u[i] = difference;
      v[i] = product;
    }
  }

  Network const& network_;
  Tile const& tile_;
  Workspace& work_;
  EncoderPass encoder_;
  int64_t hidden_;
};

}  // namespace

void Rows::reserve(int64_t n_rows, int64_t width) {
  floats.reserve(n_rows * width);
  converted.reserve(n_rows * width * 2);
  scales.reserve(n_rows);
}

InputRows Rows::as(Precision precision, int64_t n_rows, int64_t width) {
  bool const is_float = precision == Precision::Float32;
  return {n_rows, is_float ? static_cast<void const*>(floats.data()) : converted.data(),
          kernels::row_bytes(precision, width), scales.data()};
}

void reserve(Workspace& workspace, Network const& network, int64_t n_tokens) {
  int64_t const hidden = network.config.hidden_size;
  for (auto* rows : {&workspace.lower, &workspace.upper, &workspace.middle, &workspace.chosen, &workspace.context})
    rows->reserve(n_tokens, hidden);
  if (network.config.norm_placement == model::NormPlacement::Before) {
    workspace.normal.reserve(n_tokens, hidden);
    workspace.residual.reserve(n_tokens * hidden);
  }
  if (network.config.convolution) {
    workspace.neighbours.reserve(n_tokens, network.config.convolution->width * hidden);
    workspace.convolved.reserve(n_tokens * hidden);
  }
  if (network.config.is_gated) workspace.gate.reserve(n_tokens * network.config.intermediate_size);
  if (network.embeddings.projection) workspace.embedded.reserve(n_tokens * network.config.table_width());
  workspace.query.reserve(n_tokens * hidden);
  workspace.key_value.reserve(n_tokens * 2 * hidden);
  workspace.inner.reserve(n_tokens, network.config.intermediate_size);
}

void run_pass(Network const& network, Tile const& tile, std::span<std::size_t const> heads, Workspace& workspace,
              kernels::AttentionScratch& scratch, Member const& member, TileLogits& logits) {
  Pass pass(network, tile, workspace, scratch, member);
  pass.encoder().embed();
  if (member.rank == 0) logits.resize(heads.size());
  for (auto const& branch : network.branches) {
    std::vector<std::size_t> own;
    std::copy_if(heads.begin(), heads.end(), std::back_inserter(own), [&](auto head) { return branch.has(head); });
    if (own.empty()) continue;
    pass.encoder().run_lower_layers(network.n_lower_layers(branch));
    auto const tokens = looked_at(network, tile, own);
    pass.encoder().run_upper_layers(network.upper_layers(branch), tokens);
    if (member.rank == 0)
      for (std::size_t i = 0; i < heads.size(); ++i)
        if (std::find(own.begin(), own.end(), heads[i]) != own.end()) pass.answer(heads[i], tokens, logits[i]);
    member.wait();  // the next branch writes where these heads read
  }
}

void run_layers(Network const& network, Tile const& tile, Workspace& workspace, kernels::AttentionScratch& scratch,
                Member const& member) {
  EncoderPass pass(network, tile, workspace, scratch, member);
  pass.embed();
  pass.run_lower_layers(network.layers.size());
}

}  // namespace polytask::engine
