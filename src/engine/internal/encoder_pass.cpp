#include "engine/internal/encoder_pass.h"

#include <type_traits>

namespace polytask::engine {

using kernels::InputRows;
using kernels::OutputRows;
using kernels::PackedLinear;
using std::int64_t;

void EncoderPass::sum_of_tables(int64_t first, int64_t last, float* sums) const {
  auto const& embeddings = network_.embeddings;
  int64_t const width = network_.config.table_width();
  auto const add_row = [&](std::vector<float> const& table, int64_t row, float* sum) {
    float const* const values = table.data() + row * width;
    for (int64_t i = 0; i < width; ++i) sum[i] += values[i];
  };
  for (int64_t token = first; token < last; ++token) {
    auto const at = static_cast<std::size_t>(token);
    float* const sum = sums + token * width;
    std::copy_n(embeddings.words.data() + tile_.ids[at] * width, width, sum);
    if (!embeddings.positions.empty())
      add_row(embeddings.positions, network_.config.first_position + tile_.positions[at], sum);
    if (!embeddings.types.empty())
      add_row(embeddings.types, network_.config.type_vocab_size > 1 ? tile_.types[at] : 0, sum);
  }
}

/// work_.embedded -> work_.lower; every member comes back when all rows are there.
void EncoderPass::project(PackedLinear const& projection) {
  me_.wait();
  int64_t const width = network_.config.table_width();
  apply(projection, {tile_.n_tokens(), work_.embedded.data(), width * 4, nullptr}, {},
        {OutputRows::Type::Float32, work_.lower.floats.data(), hidden_});
  me_.wait();
}

void EncoderPass::embed() {
  auto const [first, last] = me_.share(tile_.n_tokens());
  auto const& embeddings = network_.embeddings;
  lower_holds_ = reads(network_.layers.front());
  if (!embeddings.projection) {
    sum_of_tables(first, last, work_.lower.floats.data());
    normalize(embeddings.norm, first, last, lower_holds_, work_.lower);
  } else if (network_.config.projection == model::Projection::BeforeNorm) {
    sum_of_tables(first, last, work_.embedded.data());
    project(*embeddings.projection);
    normalize(embeddings.norm, first, last, lower_holds_, work_.lower);
  } else {
    int64_t const width = network_.config.table_width();
    sum_of_tables(first, last, work_.embedded.data());
    kernels::normalize_rows(last - first, width, embeddings.norm.weights(), work_.embedded.data() + first * width,
                            nullptr);
    project(*embeddings.projection);
    convert(work_.lower, tile_.n_tokens(), hidden_, lower_holds_);
  }
  me_.wait();
}

void EncoderPass::run_lower_layers(std::size_t n) {
  LookedAt const all;
  for (auto& i = n_lower_done_; i < n; ++i) {
    prepare_lower_for(network_.layers[i]);
    lower_holds_ = i + 1 < network_.layers.size() ? reads(network_.layers[i + 1]) : Precision::Float32;
    run_layer(network_.layers[i], work_.lower, all, lower_holds_, work_.lower);
  }
}

void EncoderPass::prepare_lower_for(Layer const& layer) {
  auto const wanted = reads(layer);
  if (wanted == lower_holds_) return;
  convert(work_.lower, tile_.n_tokens(), hidden_, wanted);
  lower_holds_ = wanted;
}

void EncoderPass::run_upper_layers(std::span<Layer const> layers, LookedAt const& tokens) {
  prepare_lower_for(layers.front());
  LookedAt const all;
  Rows* from = &work_.lower;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    bool const is_last = i + 1 == layers.size();
    auto const next = is_last ? Precision::Float32 : reads(layers[i + 1]);
    run_layer(layers[i], *from, is_last ? tokens : all, next, work_.upper);
    from = &work_.upper;
  }
}

void EncoderPass::normalize(LayerNorm const& norm, int64_t first, int64_t last, Precision wanted, Rows& rows) const {
  auto converted = rows.destination(wanted);
  converted.values = static_cast<std::byte*>(converted.values) + first * kernels::row_bytes(wanted, hidden_);
  converted.scales += first;
  kernels::normalize_rows(last - first, hidden_, norm.weights(), rows.floats.data() + first * hidden_,
                          wanted == Precision::Float32 ? nullptr : &converted);
}

/// Floats -> what a layer of that precision reads. Every member comes back when all rows are converted.
void EncoderPass::convert(Rows& rows, int64_t n_rows, int64_t width, Precision wanted) const {
  if (wanted == Precision::Float32) return;
  auto const [first, last] = me_.share(n_rows);
  auto converted = rows.destination(wanted);
  converted.values = static_cast<std::byte*>(converted.values) + first * kernels::row_bytes(wanted, width);
  converted.scales += first;
  kernels::convert_rows(last - first, width, rows.floats.data() + first * width, converted);
  me_.wait();
}

void EncoderPass::apply(PackedLinear const& layer, InputRows const& x, kernels::Finish const& finish,
                        OutputRows const& out) const {
  auto const [first, last] = me_.share(layer.shape().n_out, PackedLinear::kPanel);
  layer.apply(x, {first, last}, finish, out);
}

/// `query` and `key_value` hold values of that type; so will `context`.
template <typename Value>
void EncoderPass::attend(Layer const& layer, LookedAt const& tokens, Value* context) {
  auto const [first_head, last_head] = me_.share(network_.config.num_attention_heads);
  auto const table = [](std::vector<float> const& values) { return values.empty() ? nullptr : values.data(); };
  kernels::TextDistances distances{{table(layer.distance_keys), table(layer.distance_queries)}, hidden_};
  for (std::size_t s = 0; s + 1 < tile_.sequences.size(); ++s) {
    int64_t const begin = tile_.sequences[s];
    int64_t const end = tile_.sequences[s + 1];
    int64_t const first = tokens.row_of(begin);
    if (network_.config.relative) distances.rows = kernels::rows_of_text(network_.distance_rows, end - begin);
    kernels::TextAttention<Value> const text{
        .hidden = hidden_,
        .heads = network_.config.num_attention_heads,
        .n_queries = tokens.row_of(end) - first,
        .queries = reinterpret_cast<Value const*>(work_.query.data()) + first * hidden_,
        .query_stride = hidden_,
        .n_keys = end - begin,
        .keys = reinterpret_cast<Value const*>(work_.key_value.data()) + begin * 2 * hidden_,
        .key_stride = 2 * hidden_,
        .context = context + first * hidden_,
        .places = tokens.all ? nullptr : places_.data() + first,
        .reach = layer.attention.reach,
        .distances = network_.config.relative ? &distances : nullptr};
    if constexpr (std::is_same_v<Value, float>)
      kernels::attend(text, first_head, last_head, scratch_);
    else
      kernels::attend(text, first_head, last_head, scratch_, network_.instructions);
  }
}

/// The rows of `from` that are looked at, as they stand where all are.
Rows& EncoderPass::choose(Rows& from, LookedAt const& tokens, Precision precision) {
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

EncoderPass::Precision EncoderPass::reads(Layer const& layer) const {
  bool const normalises_itself = network_.config.norm_placement == model::NormPlacement::Before;
  return normalises_itself ? Precision::Float32 : layer.query.precision();
}

/// from: all tokens, already in the precision that the layer reads. to: the tokens that are looked at, in `wanted`
/// precision too. `from` and `to` may be the same.
void EncoderPass::run_layer(Layer const& layer, Rows& from, LookedAt const& tokens, Precision wanted, Rows& to) {
  places_.clear();
  for (auto const token : tokens.tokens) places_.push_back(tile_.positions[static_cast<std::size_t>(token)]);
  if (layer.convolution) convolve(*layer.convolution, from, tokens);  // before `to` is written, which may be `from`
  if (network_.config.norm_placement == model::NormPlacement::Before)
    run_layer_norm_before(layer, from, tokens, to);
  else
    run_layer_norm_after(layer, from, tokens, layer.convolution ? Precision::Float32 : wanted, to);
  if (layer.convolution) add_convolved(*layer.convolution, tokens.count(tile_), wanted, to);
}

/// The floats of the `width` tokens around a token, zeros for those outside of its sequence.
void EncoderPass::copy_neighbours(Rows& from, int64_t token, int64_t width, float* row) const {
  auto const end = std::upper_bound(tile_.sequences.begin(), tile_.sequences.end(), token);
  for (int64_t i = 0; i < width; ++i, row += hidden_) {
    int64_t const other = token + i - width / 2;
    if (other >= *(end - 1) && other < *end)
      std::copy_n(from.floats.data() + other * hidden_, hidden_, row);
    else
      std::fill_n(row, hidden_, 0.0F);
  }
}

/// What a layer's convolution makes of the rows below it -> work_.convolved, each member its columns; all rows of
/// `from` have been read when a member comes back.
void EncoderPass::convolve(Convolution const& convolution, Rows& from, LookedAt const& tokens) {
  int64_t const n_rows = tokens.count(tile_);
  int64_t const n_in = convolution.products.shape().n_in;
  auto const precision = convolution.products.precision();
  auto& rows = work_.neighbours;
  auto const [first, last] = me_.share(n_rows);
  for (int64_t row = first; row < last; ++row)
    copy_neighbours(from, tokens.all ? row : tokens.tokens[static_cast<std::size_t>(row)], n_in / hidden_,
                    rows.floats.data() + row * n_in);
  convert(rows, n_rows, n_in, precision);
  me_.wait();
  apply(convolution.products, rows.as(precision, n_rows, n_in), {.activation = convolution.activation},
        {OutputRows::Type::Float32, work_.convolved.data(), hidden_});
}

/// LayerNorm(to + work_.convolved), as floats and in `wanted` precision. Every member comes back when all rows are
/// there.
void EncoderPass::add_convolved(Convolution const& convolution, int64_t n_rows, Precision wanted, Rows& to) {
  auto const [first, last] = me_.share(n_rows);
  float* const sums = to.floats.data();
  float const* const convolved = work_.convolved.data();
  for (int64_t i = first * hidden_; i < last * hidden_; ++i) sums[i] += convolved[i];
  normalize(convolution.norm, first, last, wanted, to);
  me_.wait();
}

void EncoderPass::run_layer_norm_after(Layer const& layer, Rows& from, LookedAt const& tokens, Precision wanted,
                                       Rows& to) {
  int64_t const n_rows = tokens.count(tile_);
  Rows& own = choose(from, tokens, layer.query.precision());
  run_attention(layer, own, from, tokens, own.floats.data());
  auto const [first, last] = me_.share(n_rows);
  normalize(*layer.attention_norm, first, last, layer.intermediate.precision(), work_.middle);
  me_.wait();
  run_inner(layer, work_.middle, n_rows);
  apply(layer.output, work_.inner.as(layer.output.precision(), n_rows, network_.config.intermediate_size),
        {.residual = work_.middle.floats.data(), .residual_stride = hidden_},
        {OutputRows::Type::Float32, to.floats.data(), hidden_});
  me_.wait();
  normalize(layer.output_norm, first, last, wanted, to);
  me_.wait();
}

void EncoderPass::run_layer_norm_before(Layer const& layer, Rows& from, LookedAt const& tokens, Rows& to) {
  int64_t const n_rows = tokens.count(tile_);
  auto const copy_rows = [&](float const* source, int64_t first, int64_t last) {
    std::copy_n(source + first * hidden_, (last - first) * hidden_, work_.normal.floats.data() + first * hidden_);
  };
  auto const [first_token, last_token] = me_.share(tile_.n_tokens());
  copy_rows(from.floats.data(), first_token, last_token);
  if (layer.attention_norm)
    normalize(*layer.attention_norm, first_token, last_token, layer.query.precision(), work_.normal);
  me_.wait();
  if (!layer.attention_norm) convert(work_.normal, tile_.n_tokens(), hidden_, layer.query.precision());
  Rows& own = choose(work_.normal, tokens, layer.query.precision());
  float const* residual = from.floats.data();
  auto const [first, last] = me_.share(n_rows);
  if (!tokens.all) {
    for (int64_t row = first; row < last; ++row)
      std::copy_n(from.floats.data() + tokens.tokens[static_cast<std::size_t>(row)] * hidden_, hidden_,
                  work_.residual.data() + row * hidden_);
    residual = work_.residual.data();
  }
  run_attention(layer, own, work_.normal, tokens, residual);
  copy_rows(work_.middle.floats.data(), first, last);
  normalize(layer.output_norm, first, last, layer.intermediate.precision(), work_.normal);
  me_.wait();
  run_inner(layer, work_.normal, n_rows);
  apply(layer.output, work_.inner.as(layer.output.precision(), n_rows, network_.config.intermediate_size),
        {.residual = work_.middle.floats.data(), .residual_stride = hidden_},
        {OutputRows::Type::Float32, to.floats.data(), hidden_});
  me_.wait();
  if (layer.last_norm) normalize(*layer.last_norm, first, last, Precision::Float32, to);
  me_.wait();
}

/// own: the rows that are looked at, all: every token, both in the layer's precision; residual: as `own`. ->
/// work_.middle, floats. Every member comes back when all rows are there.
void EncoderPass::run_attention(Layer const& layer, Rows& own, Rows& all, LookedAt const& tokens,
                                float const* residual) {
  int64_t const n_tokens = tile_.n_tokens();
  int64_t const n_rows = tokens.count(tile_);
  auto const precision = layer.query.precision();
  auto const of_context = layer.attention_output.precision();
  auto const type = of_context == Precision::Float32 ? OutputRows::Type::Float32 : OutputRows::Type::BFloat16;
  apply(layer.query, own.as(precision, n_rows, hidden_), {}, {type, work_.query.data(), hidden_});
  apply(layer.key_value, all.as(precision, n_tokens, hidden_), {}, {type, work_.key_value.data(), 2 * hidden_});
  me_.wait();
  if (layer.attention.rotary_theta > 0)
    rotate(network_.rotary.at(layer.attention.rotary_theta), tokens, type == OutputRows::Type::Float32);
  if (of_context == Precision::Float32)
    attend(layer, tokens, work_.context.floats.data());
  else
    attend(layer, tokens, halves_of(work_.context, of_context));
  me_.wait();
  convert_halves(work_.context, n_rows, hidden_, of_context);
  apply(layer.attention_output, work_.context.as(of_context, n_rows, hidden_),
        {.residual = residual, .residual_stride = hidden_},
        {OutputRows::Type::Float32, work_.middle.floats.data(), hidden_});
  me_.wait();
}

/// Queries and keys, in place; every member comes back when all are turned.
void EncoderPass::rotate(kernels::RotaryTable const& table, LookedAt const& tokens, bool is_float) {
  auto const heads = network_.config.num_attention_heads;
  auto const turn = [&](Buffer<float>& rows, int64_t row, int64_t stride, int64_t place) {
    if (is_float)
      kernels::rotate_heads(table, place, heads, kernels::Turn::Forth, rows.data() + row * stride);
    else
      kernels::rotate_heads(table, place, heads, reinterpret_cast<std::uint16_t*>(rows.data()) + row * stride);
  };
  auto const [first_row, last_row] = me_.share(tokens.count(tile_));
  for (int64_t row = first_row; row < last_row; ++row)
    turn(work_.query, row, hidden_,
         tokens.all ? tile_.positions[static_cast<std::size_t>(row)] : places_[static_cast<std::size_t>(row)]);
  auto const [first, last] = me_.share(tile_.n_tokens());
  for (int64_t token = first; token < last; ++token)
    turn(work_.key_value, token, 2 * hidden_, tile_.positions[static_cast<std::size_t>(token)]);
  me_.wait();
}

/// rows -> work_.inner, in the precision that the layer's output reads.
void EncoderPass::run_inner(Layer const& layer, Rows& rows, int64_t n_rows) {
  int64_t const n_inner = network_.config.intermediate_size;
  auto const x = rows.as(layer.intermediate.precision(), n_rows, hidden_);
  kernels::Finish const finish{.activation = network_.activation};
  auto const wanted = layer.output.precision();
  if (wanted == Precision::Float32) {
    apply(layer.intermediate, x, finish, {OutputRows::Type::Float32, work_.inner.floats.data(), n_inner});
    if (layer.gate) multiply_by_gate(layer, x, n_rows);
    return me_.wait();
  }
  apply(layer.intermediate, x, finish, {OutputRows::Type::BFloat16, halves_of(work_.inner, wanted), n_inner});
  if (layer.gate) multiply_by_gate(layer, x, n_rows);
  me_.wait();
  convert_halves(work_.inner, n_rows, n_inner, wanted);
}

void EncoderPass::multiply_by_gate(Layer const& layer, InputRows const& x, int64_t n_rows) {
  int64_t const n_inner = network_.config.intermediate_size;
  auto const wanted = layer.output.precision();
  bool const is_float = wanted == Precision::Float32;
  apply(*layer.gate, x, {},
        {is_float ? OutputRows::Type::Float32 : OutputRows::Type::BFloat16, work_.gate.data(), n_inner});
  me_.wait();
  auto const [first, last] = me_.share(n_rows);
  int64_t const at = first * n_inner;
  int64_t const n = (last - first) * n_inner;
  if (is_float)
    kernels::multiply(n, work_.gate.data() + at, work_.inner.floats.data() + at);
  else
    kernels::multiply(n, reinterpret_cast<std::uint16_t const*>(work_.gate.data()) + at,
                      halves_of(work_.inner, wanted) + at);
}

/// Where rows that their reader wants in less than float32 are written as bfloat16: int8 needs a row's largest value
/// first, so such rows wait where floats would stand.
std::uint16_t* EncoderPass::halves_of(Rows& rows, Precision wanted) {
  return wanted == Precision::BFloat16 ? reinterpret_cast<std::uint16_t*>(rows.converted.data())
                                       : reinterpret_cast<std::uint16_t*>(rows.floats.data());
}

/// What `halves_of` pointed to -> what the reader wants. Every member comes back when all rows are converted.
void EncoderPass::convert_halves(Rows& rows, int64_t n_rows, int64_t width, Precision wanted) const {
  if (wanted != Precision::Int8) return;
  auto const [first, last] = me_.share(n_rows);
  auto out = rows.destination(wanted);
  out.values = static_cast<std::byte*>(out.values) + first * width;
  out.scales += first;
  kernels::convert_rows(last - first, width, halves_of(rows, wanted) + first * width, out);
  me_.wait();
}

}  // namespace polytask::engine
