#include "engine/internal/pass.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <type_traits>

#include "base/error.h"

namespace polytask::engine {
namespace {

using kernels::InputRows;
using kernels::OutputRows;
using kernels::PackedLinear;
using kernels::Precision;
using std::int64_t;

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

LookedAt looked_at(Network const& network, Tile const& tile, std::span<std::size_t const> heads) {
  LookedAt result{.all = false};
  for (auto const head : heads) {
    auto const reading = network.spec.heads[head].reading();
    if (reading == model::Reading::Words) {
      for (std::size_t text = 0; text < tile.texts.size(); ++text)
        for (auto const& unit : tile.texts[text].units)
          result.tokens.push_back(tile.offsets[text] + static_cast<std::int32_t>(unit.token));
    } else if (reading == model::Reading::Text && network.spec.pooling == model::Pooling::First) {
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
        scratch_(scratch),
        me_(member),
        hidden_(network.config.hidden_size) {}

  void embed() {
    auto const [first, last] = me_.share(tile_.n_tokens());
    auto const& embeddings = network_.embeddings;
    for (int64_t token = first; token < last; ++token) {
      auto const at = static_cast<std::size_t>(token);
      float const* const word = embeddings.words.data() + tile_.ids[at] * hidden_;
      float const* const position = embeddings.positions.data() + tile_.positions[at] * hidden_;
      float const* const type = embeddings.types.data() + tile_.types[at] * hidden_;
      float* const sum = work_.lower.floats.data() + token * hidden_;
      for (int64_t i = 0; i < hidden_; ++i) sum[i] = word[i] + position[i] + type[i];
    }
    lower_holds_ = network_.layers.front().query.precision();
    normalize(embeddings.norm, first, last, lower_holds_, work_.lower);
    me_.wait();
  }

  /// The first `n` layers -> work_.lower, in the precision that the next one reads.
  void run_lower_layers(std::size_t n) {
    LookedAt const all;
    for (std::size_t i = 0; i < n; ++i) {
      lower_holds_ = i + 1 < network_.layers.size() ? network_.layers[i + 1].query.precision() : Precision::Float32;
      run_layer(network_.layers[i], work_.lower, all, lower_holds_, work_.lower);
    }
  }

  /// `tokens` of what the lower layers made -> work_.upper.
  void run_upper_layers(std::span<Layer const> layers, LookedAt const& tokens) {
    if (auto const wanted = layers.front().query.precision(); wanted != lower_holds_) {
      convert(work_.lower, tile_.n_tokens(), wanted);
      lower_holds_ = wanted;
    }
    LookedAt const all;
    Rows* from = &work_.lower;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      bool const is_last = i + 1 == layers.size();
      auto const next = is_last ? Precision::Float32 : layers[i + 1].query.precision();
      run_layer(layers[i], *from, is_last ? tokens : all, next, work_.upper);
      from = &work_.upper;
    }
  }

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
  void normalize(LayerNorm const& norm, int64_t first, int64_t last, Precision wanted, Rows& rows) const {
    auto converted = rows.destination(wanted);
    converted.values = static_cast<std::byte*>(converted.values) + first * kernels::row_bytes(wanted, hidden_);
    converted.scales += first;
    kernels::normalize_rows(last - first, hidden_, norm.weights(), rows.floats.data() + first * hidden_,
                            wanted == Precision::Float32 ? nullptr : &converted);
  }

  /// Floats -> what a layer of that precision reads. Every member comes back when all rows are converted.
  void convert(Rows& rows, int64_t n_rows, Precision wanted) const {
    if (wanted == Precision::Float32) return;
    auto const [first, last] = me_.share(n_rows);
    auto converted = rows.destination(wanted);
    converted.values = static_cast<std::byte*>(converted.values) + first * kernels::row_bytes(wanted, hidden_);
    converted.scales += first;
    kernels::convert_rows(last - first, hidden_, rows.floats.data() + first * hidden_, converted);
    me_.wait();
  }

  void apply(PackedLinear const& layer, InputRows const& x, kernels::Finish const& finish,
             OutputRows const& out) const {
    auto const [first, last] = me_.share(layer.shape().n_out, PackedLinear::kPanel);
    layer.apply(x, {first, last}, finish, out);
  }

  /// `query` and `key_value` hold values of that type; so will `context`.
  template <typename Value>
  void attend(LookedAt const& tokens, Value* context) {
    auto const [first_head, last_head] = me_.share(network_.config.num_attention_heads);
    for (std::size_t s = 0; s + 1 < tile_.sequences.size(); ++s) {
      int64_t const begin = tile_.sequences[s];
      int64_t const end = tile_.sequences[s + 1];
      int64_t const first = tokens.row_of(begin);
      kernels::TextAttention<Value> const text{
          .hidden = hidden_,
          .heads = network_.config.num_attention_heads,
          .n_queries = tokens.row_of(end) - first,
          .queries = reinterpret_cast<Value const*>(work_.query.data()) + first * hidden_,
          .query_stride = hidden_,
          .n_keys = end - begin,
          .keys = reinterpret_cast<Value const*>(work_.key_value.data()) + begin * 2 * hidden_,
          .key_stride = 2 * hidden_,
          .context = context + first * hidden_};
      if constexpr (std::is_same_v<Value, float>)
        kernels::attend(text, first_head, last_head, scratch_);
      else
        kernels::attend(text, first_head, last_head, scratch_, network_.instructions);
    }
  }

  /// The rows of `from` that are looked at, as they stand where all are.
  Rows& choose(Rows& from, LookedAt const& tokens, Precision precision) {
    if (tokens.all) return from;
    auto const [first, last] = me_.share(static_cast<int64_t>(tokens.tokens.size()));
    auto const bytes = kernels::row_bytes(precision, hidden_);
    for (int64_t row = first; row < last; ++row) {
      int64_t const token = tokens.tokens[static_cast<std::size_t>(row)];
      std::copy_n(from.floats.data() + token * hidden_, hidden_, work_.chosen.floats.data() + row * hidden_);
      if (precision == Precision::Float32) continue;
      std::copy_n(from.converted.data() + token * bytes, bytes, work_.chosen.converted.data() + row * bytes);
      work_.chosen.scales.data()[row] = from.scales.data()[token];
    }
    me_.wait();
    return work_.chosen;
  }

  /// from: all tokens, already in the precision that the layer reads. to: the tokens that are looked at, normalised and
  /// in `wanted` precision too. `from` and `to` may be the same.
  void run_layer(Layer const& layer, Rows& from, LookedAt const& tokens, Precision wanted, Rows& to) {
    int64_t const n_tokens = tile_.n_tokens();
    int64_t const n_rows = tokens.count(tile_);
    int64_t const n_inner = network_.config.intermediate_size;
    auto const precision = layer.query.precision();
    auto const of_context = layer.attention_output.precision();
    Rows& own = choose(from, tokens, precision);
    auto const type = of_context == Precision::Float32 ? OutputRows::Type::Float32 : OutputRows::Type::BFloat16;
    apply(layer.query, own.as(precision, n_rows, hidden_), {}, {type, work_.query.data(), hidden_});
    apply(layer.key_value, from.as(precision, n_tokens, hidden_), {}, {type, work_.key_value.data(), 2 * hidden_});
    me_.wait();
    if (of_context == Precision::Float32)
      attend(tokens, work_.context.floats.data());
    else
      attend(tokens, halves_of(work_.context, of_context));
    me_.wait();
    convert_halves(work_.context, n_rows, hidden_, of_context);
    apply(layer.attention_output, work_.context.as(of_context, n_rows, hidden_),
          {.residual = own.floats.data(), .residual_stride = hidden_},
          {OutputRows::Type::Float32, work_.middle.floats.data(), hidden_});
    me_.wait();
    auto const [first, last] = me_.share(n_rows);
    normalize(layer.attention_norm, first, last, layer.intermediate.precision(), work_.middle);
    me_.wait();
    run_inner(layer, n_rows, n_inner);
    apply(layer.output, work_.inner.as(layer.output.precision(), n_rows, n_inner),
          {.residual = work_.middle.floats.data(), .residual_stride = hidden_},
          {OutputRows::Type::Float32, to.floats.data(), hidden_});
    me_.wait();
    normalize(layer.output_norm, first, last, wanted, to);
    me_.wait();
  }

  /// work_.middle -> work_.inner, in the precision that the layer's output reads.
  void run_inner(Layer const& layer, int64_t n_rows, int64_t n_inner) {
    auto const x = work_.middle.as(layer.intermediate.precision(), n_rows, hidden_);
    kernels::Finish const finish{.activation = network_.activation};
    auto const wanted = layer.output.precision();
    if (wanted == Precision::Float32) {
      apply(layer.intermediate, x, finish, {OutputRows::Type::Float32, work_.inner.floats.data(), n_inner});
      return me_.wait();
    }
    apply(layer.intermediate, x, finish, {OutputRows::Type::BFloat16, halves_of(work_.inner, wanted), n_inner});
    me_.wait();
    convert_halves(work_.inner, n_rows, n_inner, wanted);
  }

  /// Where rows that their reader wants in less than float32 are written as bfloat16: int8 needs a row's largest value
  /// first, so such rows wait where floats would stand.
  [[nodiscard]] static std::uint16_t* halves_of(Rows& rows, Precision wanted) {
    return wanted == Precision::BFloat16 ? reinterpret_cast<std::uint16_t*>(rows.converted.data())
                                         : reinterpret_cast<std::uint16_t*>(rows.floats.data());
  }

  /// What `halves_of` pointed to -> what the reader wants. Every member comes back when all rows are converted.
  void convert_halves(Rows& rows, int64_t n_rows, int64_t width, Precision wanted) const {
    if (wanted != Precision::Int8) return;
    auto const [first, last] = me_.share(n_rows);
    auto out = rows.destination(wanted);
    out.values = static_cast<std::byte*>(out.values) + first * width;
    out.scales += first;
    kernels::convert_rows(last - first, width, halves_of(rows, wanted) + first * width, out);
    me_.wait();
  }

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
  kernels::AttentionScratch& scratch_;
  Member const& me_;
  int64_t hidden_;
  Precision lower_holds_ = Precision::Float32;  ///< what work_.lower is converted to
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
  workspace.query.reserve(n_tokens * hidden);
  workspace.key_value.reserve(n_tokens * 2 * hidden);
  workspace.inner.reserve(n_tokens, network.config.intermediate_size);
}

void run_pass(Network const& network, Tile const& tile, std::span<std::size_t const> heads, Workspace& workspace,
              kernels::AttentionScratch& scratch, Member const& member, TileLogits& logits) {
  Pass pass(network, tile, workspace, scratch, member);
  pass.embed();
  pass.run_lower_layers(network.n_lower_layers());
  // Tasks of one reading share their upper layers; where none are private, all tasks do.
  std::map<model::Reading, std::vector<std::size_t>> groups;
  for (auto const head : heads) {
    auto const reading = network.spec.heads[head].reading();
    groups[network.spec.private_layers > 0 ? reading : model::Reading::Text].push_back(head);
  }
  if (member.rank == 0) logits.resize(heads.size());
  for (auto const& [reading, own] : groups) {
    auto const tokens = looked_at(network, tile, own);
    pass.run_upper_layers(network.upper_layers(reading), tokens);
    if (member.rank == 0)
      for (std::size_t i = 0; i < heads.size(); ++i)
        if (std::find(own.begin(), own.end(), heads[i]) != own.end()) pass.answer(heads[i], tokens, logits[i]);
    member.wait();  // the next group writes where these heads read
  }
}

void run_layers(Network const& network, Tile const& tile, Workspace& workspace, kernels::AttentionScratch& scratch,
                Member const& member) {
  Pass pass(network, tile, workspace, scratch, member);
  pass.embed();
  pass.run_lower_layers(network.layers.size());
}

}  // namespace polytask::engine
