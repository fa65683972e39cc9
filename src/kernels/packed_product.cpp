#include "kernels/internal/packed_product.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "kernels/internal/bfloat16.h"
#include "kernels/internal/micro_kernel.h"
#include "kernels/internal/simd.h"

namespace polytask::kernels {
namespace {

using std::int64_t;
using Step = std::uint32_t;  ///< of a row: one float, or two bfloat16

constexpr int64_t kPanel = PackedLinear::kPanel;
/// Rows whose steps stay in the second cache while all columns pass by.
constexpr int64_t kRowsPerBlock = 128;
/// Transposed in the first cache.
constexpr int64_t kStepsAtOnce = 16;
constexpr int64_t kMostRowsAtOnce = 32;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Steps of `n` neighbours at once, from their two values along the inner dimension.
POLYTASK_SIMD_CLONES void pair_up(int64_t n, float const* first, float const* second, Step* __restrict out) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = static_cast<Step>(to_bfloat16(second[i])) << 16U | static_cast<Step>(to_bfloat16(first[i]));
}
POLYTASK_SIMD_CLONES void pair_with_zero(int64_t n, float const* first, Step* __restrict out) {
  for (int64_t i = 0; i < n; ++i) out[i] = to_bfloat16(first[i]);
}
/// Steps along one row.
POLYTASK_SIMD_CLONES void halve(int64_t n, float const* row, std::uint16_t* __restrict out) {
  for (int64_t i = 0; i < n; ++i) out[i] = to_bfloat16(row[i]);
}

class Product {
 public:
  Product(Precision precision, ProductShape const& shape)
      : kernels_(micro_kernels(detected_instructions(), precision)),
        per_step_(elements_per_step(precision)),
        m_(shape.m),
        n_(shape.n),
        k_(shape.k),
        n_steps_(ceil_div(k_, per_step_)),
        n_chunks_(ceil_div(m_, kernels_.size.n_rows)) {}

  [[nodiscard]] int64_t n_chunks() const { return n_chunks_; }
  [[nodiscard]] int64_t n_panels() const { return ceil_div(n_, kPanel); }
  [[nodiscard]] int64_t a_steps() const { return m_ * n_steps_; }
  [[nodiscard]] int64_t b_steps() const { return n_panels() * kPanel * n_steps_; }
  /// Chunks of rows that differ by one at most.
  [[nodiscard]] int64_t first_row(int64_t chunk) const { return chunk * m_ / n_chunks_; }

  /// A chunk of rows, one after another; where the kernels read them so, transposed ones step by step, side by side.
  void pack_rows(Operand const& a, int64_t chunk, Step* out) const {
    int64_t const first = first_row(chunk);
    int64_t const n_rows = first_row(chunk + 1) - first;
    out += first * n_steps_;
    if (!a.transposed) {
      for (int64_t row = 0; row < n_rows; ++row) along(a.values + (first + row) * a.stride, out + row * n_steps_);
      return;
    }
    if (!kernels_.whole_rows) {
      for (int64_t step = 0; step < n_steps_; ++step) across(a, first, n_rows, step, out + step * n_rows);
      return;
    }
    std::array<Step, kStepsAtOnce * kMostRowsAtOnce> side_by_side;
    for (int64_t at = 0; at < n_steps_; at += kStepsAtOnce) {
      int64_t const n = std::min(kStepsAtOnce, n_steps_ - at);
      for (int64_t step = 0; step < n; ++step) across(a, first, n_rows, at + step, side_by_side.data() + step * n_rows);
      for (int64_t row = 0; row < n_rows; ++row)
        for (int64_t step = 0; step < n; ++step)
          out[row * n_steps_ + at + step] = side_by_side[static_cast<std::size_t>(step * n_rows + row)];
    }
  }

  void pack_panel(Operand const& b, int64_t panel, Step* out) const {
    int64_t const first = panel * kPanel;
    int64_t const n_columns = std::min(kPanel, n_ - first);
    out += first * n_steps_;
    if (b.transposed) {
      for (int64_t step = 0; step < n_steps_; ++step) {
        across(b, first, n_columns, step, out + step * kPanel);
        std::fill(out + step * kPanel + n_columns, out + (step + 1) * kPanel, Step{0});
      }
      return;
    }
    thread_local std::vector<Step> row;
    row.resize(static_cast<std::size_t>(n_steps_));
    for (int64_t column = 0; column < kPanel; ++column) {
      if (column < n_columns)
        along(b.values + (first + column) * b.stride, row.data());
      else
        std::fill(row.begin(), row.end(), Step{0});
      for (int64_t step = 0; step < n_steps_; ++step) out[step * kPanel + column] = row[static_cast<std::size_t>(step)];
    }
  }

  [[nodiscard]] BlocksOfProduct blocks() const { return {kernels_, m_}; }

  /// Some rows times some panels.
  void multiply(Step const* a, bool a_transposed, Step const* b, int64_t first_chunk, int64_t last_chunk,
                int64_t first_panel, float const* bias, Write write, float* c, int64_t c_stride) const {
    int64_t const column = first_panel * kPanel;
    Block block{.panels = reinterpret_cast<std::byte const*>(b + column * n_steps_),
                .panel_bytes = n_steps_ * kPanel * 4,
                .n_steps = n_steps_,
                .bias = bias + column,
                .n_columns = std::min(n_ - column, kernels_.size.n_panels * kPanel),
                .residual_stride = c_stride,
                .out = {OutputRows::Type::Float32, nullptr, c_stride}};
    block.ahead = block.panels;
    bool const side_by_side = a_transposed && !kernels_.whole_rows;
    for (int64_t chunk = first_chunk; chunk < last_chunk; ++chunk) {
      int64_t const first = first_row(chunk);
      int64_t const n_rows = first_row(chunk + 1) - first;
      block.rows = reinterpret_cast<std::byte const*>(a + first * n_steps_);
      block.n_rows = n_rows;
      block.row_bytes = side_by_side ? 4 : n_steps_ * 4;
      block.step_bytes = side_by_side ? n_rows * 4 : 4;
      block.out.values = c + first * c_stride + column;
      block.residual = write == Write::Add ? c + first * c_stride + column : nullptr;
      kernels_.choose(n_rows, ceil_div(block.n_columns, kPanel))(block);
    }
  }

  [[nodiscard]] int64_t panels_per_group() const { return kernels_.size.n_panels; }
  [[nodiscard]] int64_t chunks_per_block() const { return std::max<int64_t>(kRowsPerBlock / kernels_.size.n_rows, 1); }

 private:
  /// All steps of one row.
  void along(float const* row, Step* out) const {
    if (per_step_ == 1) {
      std::memcpy(out, row, static_cast<std::size_t>(k_) * sizeof(Step));
      return;
    }
    if (n_steps_ > 0) out[n_steps_ - 1] = 0;
    halve(k_, row, reinterpret_cast<std::uint16_t*>(out));
  }

  /// One step of `count` rows from `first` on, of an operand whose rows are its columns in memory.
  void across(Operand const& operand, int64_t first, int64_t count, int64_t step, Step* out) const {
    float const* const values = operand.values + step * per_step_ * operand.stride + first;
    if (per_step_ == 1)
      std::memcpy(out, values, static_cast<std::size_t>(count) * sizeof(Step));
    else if ((step + 1) * per_step_ <= k_)
      pair_up(count, values, values + operand.stride, out);
    else
      pair_with_zero(count, values, out);
  }

  MicroKernels kernels_;
  int64_t per_step_, m_, n_, k_, n_steps_, n_chunks_;
};

/// Of the thread that asks for a product; grows to the largest.
struct Scratch {
  std::vector<Step> a, b;
  std::vector<float> bias;
};

}  // namespace

void packed_product(Precision precision, ProductShape const& shape, Operand const& a, Operand const& b,
                    float const* bias, Write write, float* c, int64_t c_stride) {
  expects(precision != Precision::Int8, "training has no scales for bytes");
  if (shape.m == 0 || shape.n == 0) return;
  Product const product(precision, shape);
  thread_local Scratch scratch;
  auto const grow = [](auto& values, int64_t size) {
    if (std::ssize(values) < size) values.resize(static_cast<std::size_t>(size));
  };
  grow(scratch.a, product.a_steps());
  grow(scratch.b, product.b_steps());
  scratch.bias.assign(static_cast<std::size_t>(product.n_panels() * kPanel), 0.0F);
  if (bias != nullptr) std::copy_n(bias, shape.n, scratch.bias.begin());
  auto* const rows = scratch.a.data();
  auto* const panels = scratch.b.data();
  auto const* const starts = scratch.bias.data();
  int64_t const n_groups = ceil_div(product.n_panels(), product.panels_per_group());
  int64_t const n_blocks = ceil_div(product.n_chunks(), product.chunks_per_block());
#pragma omp parallel
  {
#pragma omp for schedule(static) nowait
    for (int64_t chunk = 0; chunk < product.n_chunks(); ++chunk) product.pack_rows(a, chunk, rows);
#pragma omp for schedule(static)
    for (int64_t panel = 0; panel < product.n_panels(); ++panel) product.pack_panel(b, panel, panels);
    BlocksOfProduct const blocks = product.blocks();
#pragma omp for schedule(static)
    for (int64_t at = 0; at < n_blocks * n_groups; ++at) {
      int64_t const first_chunk = at / n_groups * product.chunks_per_block();
      product.multiply(rows, a.transposed, panels, first_chunk,
                       std::min(first_chunk + product.chunks_per_block(), product.n_chunks()),
                       at % n_groups * product.panels_per_group(), starts, write, c, c_stride);
    }
  }
}

}  // namespace polytask::kernels
