#include "kernels/internal/packed_product.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "kernels/internal/micro_kernel.h"
#include "kernels/internal/operand_packing.h"

namespace polytask::kernels {
namespace {

using std::int64_t;

constexpr int64_t kPanel = PackedLinear::kPanel;
/// Rows whose steps stay in the second cache while all columns pass by.
constexpr int64_t kRowsPerBlock = 128;
/// Of a transposed side, packed at once: rows that fill whole lines of memory, and so many steps that every thread gets
/// some.
constexpr int64_t kRowsPerGroup = 64;
constexpr int64_t kStepsPerPart = 128;
static_assert(kStepsPerPart % kStepsAtOnce == 0);

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

class Product {
 public:
  Product(Precision precision, ProductShape const& shape)
      : kernels_(micro_kernels(detected_instructions(), precision)),
        packing_(operand_packing(detected_instructions(), precision)),
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

  /// How the packing of one side is shared out: groups of chunks or panels, each in ranges of steps.
  struct Shares {
    int64_t units_per_group = 1, n_groups = 0, n_parts = 1;
    [[nodiscard]] int64_t count() const { return n_groups * n_parts; }
  };
  [[nodiscard]] Shares row_shares(Operand const& a) const { return shares(a, n_chunks_, kernels_.size.n_rows); }
  [[nodiscard]] Shares panel_shares(Operand const& b) const { return shares(b, n_panels(), kPanel); }

  /// Chunks of rows, one after another; where the kernels read them so, transposed ones step by step, side by side.
  void pack_rows(Operand const& a, Shares const& shares, int64_t share, Step* out) const {
    auto const [first_chunk, last_chunk, first_step, last_step] = part(shares, share, n_chunks_);
    if (!a.transposed) {
      for (int64_t row = first_row(first_chunk); row < first_row(last_chunk); ++row)
        packing_.row(a.values + row * a.stride, k_, out + row * n_steps_);
      return;
    }
    for (int64_t step = first_step; step < last_step; step += kStepsAtOnce)
      for (int64_t chunk = first_chunk; chunk < last_chunk; ++chunk) {
        int64_t const first = first_row(chunk);
        int64_t const n_rows = first_row(chunk + 1) - first;
        auto const* const values = a.values + step * per_step_ * a.stride + first;
        auto* const place = out + first * n_steps_;
        if (kernels_.whole_rows)
          packing_.columns_apart(values, a.stride, n_rows, elements_at(step), place + step, n_steps_);
        else
          packing_.columns(values, a.stride, n_rows, elements_at(step), place + step * n_rows, n_rows);
      }
  }

  void pack_panels(Operand const& b, Shares const& shares, int64_t share, Step* out) const {
    auto const [first_panel, last_panel, first_step, last_step] = part(shares, share, n_panels());
    auto const n_columns = [&](int64_t panel) { return std::min(kPanel, n_ - panel * kPanel); };
    if (!b.transposed) {
      for (int64_t panel = first_panel; panel < last_panel; ++panel)
        packing_.panel(b.values + panel * kPanel * b.stride, b.stride, n_columns(panel), k_,
                       out + panel * kPanel * n_steps_);
      return;
    }
    for (int64_t panel = first_panel; panel < last_panel; ++panel)
      if (n_columns(panel) < kPanel)
        std::fill_n(out + (panel * n_steps_ + first_step) * kPanel, (last_step - first_step) * kPanel, Step{0});
    for (int64_t step = first_step; step < last_step; step += kStepsAtOnce)
      for (int64_t panel = first_panel; panel < last_panel; ++panel)
        packing_.columns(b.values + step * per_step_ * b.stride + panel * kPanel, b.stride, n_columns(panel),
                         elements_at(step), out + (panel * n_steps_ + step) * kPanel, kPanel);
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
  /// Only what is transposed gains by groups.
  [[nodiscard]] Shares shares(Operand const& side, int64_t n_units, int64_t rows_per_unit) const {
    if (!side.transposed) return {.n_groups = n_units};
    int64_t const per_group = std::max<int64_t>(kRowsPerGroup / rows_per_unit, 1);
    return {per_group, ceil_div(n_units, per_group), ceil_div(n_steps_, kStepsPerPart)};
  }
  struct Part {
    int64_t first_unit, last_unit, first_step, last_step;
  };
  [[nodiscard]] Part part(Shares const& shares, int64_t share, int64_t n_units) const {
    int64_t const unit = share / shares.n_parts * shares.units_per_group;
    int64_t const step = share % shares.n_parts * kStepsPerPart;
    return {unit, std::min(unit + shares.units_per_group, n_units), step, std::min(step + kStepsPerPart, n_steps_)};
  }
  /// Of the inner dimension, from a step on as far as is packed at once.
  [[nodiscard]] int64_t elements_at(int64_t step) const {
    return std::min(kStepsAtOnce * per_step_, k_ - step * per_step_);
  }

  MicroKernels kernels_;
  OperandPacking packing_;
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
  auto const row_shares = product.row_shares(a);
  auto const panel_shares = product.panel_shares(b);
  int64_t const n_groups = ceil_div(product.n_panels(), product.panels_per_group());
  int64_t const n_blocks = ceil_div(product.n_chunks(), product.chunks_per_block());
#pragma omp parallel
  {
#pragma omp for schedule(static) nowait
    for (int64_t share = 0; share < row_shares.count(); ++share) product.pack_rows(a, row_shares, share, rows);
#pragma omp for schedule(static)
    for (int64_t share = 0; share < panel_shares.count(); ++share) product.pack_panels(b, panel_shares, share, panels);
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
