// kernel_speed [ROUNDS]: every kernel of training and of the engine at the sizes of one step of all-MiniLM-L6-v2 (32 texts of
// 20 tokens; width 384, 12 heads, 1,536 between), and what share it reaches of what this machine can do: of the products
// measured in the first cache (kernels/peak.h) where it multiplies, of copying as many bytes with as many threads where it moves
// them. Prints one line a kernel: medians of ROUNDS (9), and the share of the fastest and of the slowest round.
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "base/random.h"
#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/cross_entropy.h"
#include "kernels/linear.h"
#include "kernels/normalization.h"
#include "kernels/optimizer.h"
#include "kernels/packed_linear.h"
#include "kernels/peak.h"
#include "kernels/pooling.h"
#include "kernels/relative_attention.h"
#include "kernels/rotary.h"
#include "kernels/row_optimizer.h"
#include "kernels/rows.h"
#include "kernels/text_attention.h"

namespace polytask::kernels {
namespace {

using Floats = std::vector<float>;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kTexts = 32, kLength = 20, kTokens = kTexts * kLength;
constexpr std::int64_t kWidth = 384, kHeads = 12, kBetween = 1'536, kWords = 10'000, kRowsOfTable = 30'522;
constexpr double kShortestRound = 0.03;  // seconds

std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

Floats random(std::int64_t n) {
  static Rng rng(7);
  Floats values(size_of(n));
  for (auto& value : values) value = static_cast<float>(rng.normal());
  return values;
}

std::vector<std::int32_t> offsets_of_texts() {
  std::vector<std::int32_t> offsets;
  for (std::int64_t t = 0; t <= kTexts; ++t) offsets.push_back(static_cast<std::int32_t>(t * kLength));
  return offsets;
}

/// Seconds of one call, by round.
std::vector<double> seconds_of(std::function<void()> const& call, int n_rounds) {
  auto const time = [&](int n) {
    auto const start = Clock::now();
    for (int i = 0; i < n; ++i) call();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  int n = 1;
  while (time(n) < kShortestRound) n *= 2;
  std::vector<double> rounds;
  for (int i = 0; i < n_rounds; ++i) rounds.push_back(time(n) / n);
  std::sort(rounds.begin(), rounds.end());
  return rounds;
}

/// Seconds in which all threads together copy so many bytes, half of them read and half written.
double seconds_of_copying(double bytes, int n_rounds) {
  auto const n = std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes / 8));
  Floats const from = random(n);
  Floats to(from.size());
  auto const rounds = seconds_of(
      [&] {
#pragma omp parallel for schedule(static)
        for (std::int64_t i = 0; i < n; ++i) to[size_of(i)] = from[size_of(i)];
      },
      n_rounds);
  return rounds.front();
}

class Table {
 public:
  Table(int n_rounds, int n_threads) : n_rounds_(n_rounds), n_threads_(n_threads) {
    fmt::print("| kernel | us | of the peak | fastest | slowest |\n|---|---|---|---|---|\n");
  }

  /// One that multiplies: `pairs` multiplications with an addition each.
  void multiplies(std::string const& name, double pairs, Precision precision, int n_threads,
                  std::function<void()> const& call) {
    auto const peak = peak_of(precision) * n_threads;
    print(name, 2 * pairs / peak, call);
  }
  void multiplies(std::string const& name, double pairs, std::function<void()> const& call) {
    multiplies(name, pairs, Precision::Float32, n_threads_, call);
  }
  /// One that reads and writes so many floats, each once.
  void moves(std::string const& name, double floats, std::function<void()> const& call) {
    print(name + " (bytes)", seconds_of_copying(4 * floats, n_rounds_), call);
  }

 private:
  double peak_of(Precision precision) {
    auto& peak = peaks_[size_of(static_cast<std::int64_t>(precision))];
    if (peak == 0) peak = measured_peak(precision);
    return peak;
  }
  void print(std::string const& name, double least, std::function<void()> const& call) const {
    auto const rounds = seconds_of(call, n_rounds_);
    auto const share = [&](double seconds) { return fmt::format("{:.0f} %", 100 * least / seconds); };
    auto const median = rounds[rounds.size() / 2];
    fmt::print("| {} | {:.1f} | {} | {} | {} |\n", name, 1e6 * median, share(median), share(rounds.front()),
               share(rounds.back()));
    std::fflush(stdout);
  }
  int n_rounds_, n_threads_;
  std::vector<double> peaks_ = std::vector<double>(3, 0.0);
};

void measure_linear(Table& table, Precision precision, int n_threads) {
  struct Size {
    char const* name;
    std::int64_t n_in, n_out;
  };
  for (auto const& [name, n_in, n_out] :
       {Size{"query, key, value", kWidth, 3 * kWidth}, Size{"attention output", kWidth, kWidth},
        Size{"feed-forward in", kWidth, kBetween}, Size{"feed-forward out", kBetween, kWidth}}) {
    LinearShape const shape{kTokens, n_in, n_out, n_out, precision};
    auto const x = random(kTokens * n_in), weight = random(n_out * n_in), bias = random(n_out), grad = random(kTokens * n_out);
    Floats y(grad.size()), grad_x(x.size()), grad_weight(weight.size()), grad_bias(bias.size());
    auto const pairs = static_cast<double>(kTokens * n_in * n_out);
    auto const row = fmt::format("linear, {}, {}", to_string(precision), name);
    table.multiplies(row + ", forward", pairs, precision, n_threads,
                     [&] { linear_forward(shape, x.data(), weight.data(), bias.data(), y.data()); });
    table.multiplies(row + ", backward to x", pairs, precision, n_threads,
                     [&] { linear_backward_input(shape, grad.data(), weight.data(), Write::Replace, grad_x.data()); });
    table.multiplies(row + ", backward to W", pairs, precision, n_threads, [&] {
      linear_backward_weight(shape, x.data(), grad.data(), grad_weight.data(), grad_bias.data());
    });
  }
}

void measure_packed_linear(Table& table, Precision precision) {
  auto const weight = random(kBetween * kWidth), bias = random(kBetween), x = random(kTokens * kWidth);
  PackedLinear const layer({kBetween, kWidth}, weight.data(), bias.data(), precision);
  std::vector<std::byte> rows(size_of(kTokens * row_bytes(precision, kWidth)));
  Floats scales(size_of(kTokens)), y(size_of(kTokens * kBetween));
  InputRows in{kTokens, x.data(), row_bytes(Precision::Float32, kWidth)};
  if (precision != Precision::Float32) {
    convert_rows(kTokens, kWidth, x.data(), {precision, rows.data(), scales.data()});
    in = {kTokens, rows.data(), row_bytes(precision, kWidth), scales.data()};
  }
  table.multiplies(fmt::format("engine's layer with GELU, {}, 1 thread", to_string(precision)),
                   static_cast<double>(kTokens * kBetween * kWidth), precision, 1,
                   [&] { layer.apply(in, {Activation::Gelu}, {OutputRows::Type::Float32, y.data(), kBetween}); });
}

void measure_attention(Table& table) {
  auto const offsets = offsets_of_texts();
  auto const qkv = random(kTokens * 3 * kWidth), grad = random(kTokens * kWidth);
  Floats context(grad.size()), log_sums(size_of(kTokens * kHeads)), grad_qkv(qkv.size());
  Dropout const dropout{0.1F, 3};
  auto const pairs = static_cast<double>(2 * kTexts * kLength * kLength * kWidth);
  for (std::int64_t const reach : {std::int64_t{0}, std::int64_t{4}}) {
    AttentionShape const shape{offsets, kWidth, kHeads, reach};
    auto const seen = reach == 0 ? 1.0 : 0.4;  // of the 20 places of a text, 8 at most
    auto const row = reach == 0 ? std::string("attention") : std::string("attention in a window");
    table.multiplies(row + ", forward", seen * pairs,
                     [&] { attention_forward(shape, dropout, qkv.data(), context.data(), log_sums.data()); });
    table.multiplies(row + ", backward", 2.5 * seen * pairs, [&] {
      attention_backward(shape, dropout, qkv.data(), context.data(), log_sums.data(), grad.data(), grad_qkv.data());
    });
  }
  RelativeShape const relative{{offsets, kWidth, kHeads}, {.span = 64}};
  auto const keys = random(128 * kWidth), queries = random(128 * kWidth);
  RelativeTables<float const> const tables{keys.data(), queries.data()};
  Floats grad_keys(keys.size()), grad_queries(queries.size());
  table.multiplies("attention with distances, forward", 2 * pairs, [&] {
    relative_attention_forward(relative, dropout, qkv.data(), tables, context.data(), log_sums.data());
  });
  table.multiplies("attention with distances, backward", 5 * pairs, [&] {
    relative_attention_backward(relative, dropout, qkv.data(), tables, context.data(), log_sums.data(), grad.data(),
                                grad_qkv.data(), {grad_keys.data(), grad_queries.data()});
  });
  AttentionScratch scratch;
  TextAttention<float> text{.hidden = kWidth,
                            .heads = kHeads,
                            .n_queries = kLength,
                            .queries = qkv.data(),
                            .query_stride = 3 * kWidth,
                            .n_keys = kLength,
                            .keys = qkv.data() + kWidth,
                            .key_stride = 3 * kWidth,
                            .context = context.data()};
  table.multiplies("engine's attention of one text, 1 thread", static_cast<double>(2 * kLength * kLength * kWidth),
                   Precision::Float32, 1, [&] { attend(text, 0, kHeads, scratch); });
  RotaryTable const rotary(kLength, kWidth / kHeads, 10'000);
  auto turned = qkv;
  table.moves("rotary positions", static_cast<double>(2 * 2 * kTokens * kWidth),
              [&] { rotate_texts(rotary, offsets, kHeads, 3 * kWidth, Turn::Forth, turned.data()); });
}

void measure_elementwise(Table& table) {
  auto const offsets = offsets_of_texts();
  auto const x = random(kTokens * kWidth), residual = random(kTokens * kWidth), gamma = random(kWidth);
  Floats sum(x.size()), y(x.size()), mean(size_of(kTokens)), deviation(size_of(kTokens)), grad_x(x.size()),
      grad_residual(x.size()), grad_gamma(gamma.size()), grad_beta(gamma.size());
  RowsShape const rows{kTokens, kWidth};
  Dropout const dropout{0.1F, 3};
  auto const n = static_cast<double>(x.size());
  table.moves("dropout, residual, LayerNorm, forward", 4 * n, [&] {
    add_layer_norm_forward(rows, dropout, 1e-12F, x.data(), residual.data(), gamma.data(), gamma.data(), sum.data(),
                           mean.data(), deviation.data(), y.data());
  });
  table.moves("dropout, residual, LayerNorm, backward", 4 * n, [&] {
    add_layer_norm_backward(rows, dropout, sum.data(), mean.data(), deviation.data(), gamma.data(), x.data(),
                            grad_x.data(), grad_residual.data(), grad_gamma.data(), grad_beta.data());
  });
  auto const wide = random(kTokens * kBetween), wide_grad = random(kTokens * kBetween);
  Floats out(wide.size());
  auto const m = static_cast<std::int64_t>(wide.size());
  table.moves("GELU, forward", 2 * static_cast<double>(m), [&] { gelu_forward(m, wide.data(), out.data()); });
  table.moves("GELU, backward", 3 * static_cast<double>(m),
              [&] { gelu_backward(m, wide.data(), wide_grad.data(), out.data()); });
  std::vector<std::int64_t> texts(size_of(kTexts));
  std::iota(texts.begin(), texts.end(), 0);
  PoolingShape const pooling{offsets, texts, kWidth};
  Floats pooled(size_of(kTexts * kWidth));
  table.moves("mean of tokens, forward", n, [&] { mean_pool_forward(pooling, x.data(), pooled.data()); });
  table.moves("mean of tokens, backward", 2 * n, [&] { mean_pool_backward(pooling, pooled.data(), grad_x.data()); });
  std::vector<std::int64_t> targets(100, 5);
  auto logits = random(100 * kWords);
  Floats losses(targets.size());
  table.moves("softmax and cross-entropy over 10,000 words", 2 * static_cast<double>(logits.size()),
              [&] { softmax_cross_entropy(kWords, targets, logits.data(), losses); });
}

void measure_optimizer(Table& table) {
  auto const n = 4 * kBetween * kWidth;
  auto weights = random(n), first = random(n), second = Floats(size_of(n), 1.0F);
  auto const gradient = random(n);
  table.moves("AdamW", 7 * static_cast<double>(n), [&] { adamw_update({1e-4, 0.01}, weights, gradient, first, second); });
  auto words = random(kRowsOfTable * kWidth), moments = random(kRowsOfTable * kWidth);
  Floats squares(words.size(), 1.0F);
  RowTable const of_words{words, moments, squares};
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < 400; ++i) rows.push_back(i * 71);  // words of a step
  auto const of_rows = random(400 * kWidth);
  RowAdamW optimizer(kRowsOfTable, kWidth, 0);
  std::int64_t step = 0;
  table.moves("AdamW of 400 rows of the words' table", 7.0 * 400 * kWidth, [&] {
    optimizer.catch_up(of_words, rows);
    optimizer.step({.learning_rate = 1e-4, .weight_decay = 0.01, .step = ++step}, of_words, rows, of_rows);
  });
  table.moves("norm of the gradients", static_cast<double>(n), [&] { (void)sum_of_squares(gradient); });
}

void measure(int n_rounds) {
  auto const n_threads = omp_get_max_threads();
  fmt::print("{}, {} threads, oneDNN {}; one thread multiplies {:.0f} GFLOP/s in float32\n\n",
             to_string(detected_instructions()), n_threads, onednn_version(), measured_peak(Precision::Float32) / 1e9);
  Table table(n_rounds, n_threads);
  measure_linear(table, Precision::Float32, n_threads);
  if (detected_instructions() >= InstructionSet::Avx512Bf16) measure_linear(table, Precision::BFloat16, n_threads);
  measure_attention(table);
  measure_elementwise(table);
  measure_optimizer(table);
  for (auto const precision : {Precision::Float32, Precision::BFloat16, Precision::Int8})
    measure_packed_linear(table, precision);
}

}  // namespace
}  // namespace polytask::kernels

int main(int argc, char** argv) {
  int const n_rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  if (n_rounds < 1) {
    std::fputs("usage: kernel_speed [ROUNDS]\n", stderr);
    return 2;
  }
  polytask::kernels::measure(n_rounds);
}
