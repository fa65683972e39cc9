// The product itself, over the vectors of whichever instruction set the including file has chosen. That file defines
// before: `kLanes` (floats a vector), and for each precision
//   Floats multiply_add_float32(Floats sum, Floats a, Floats b)
//   Floats multiply_add_bfloat16(Floats sum, Floats a, Floats b)   two bfloat16 a lane
//   Ints multiply_add_int8(Ints sum, Ints a, Ints b)               four bytes a lane, a unsigned and b signed
//   Halves to_bfloat16(Floats)
// and after: which block sizes it uses.
// No function of the standard library is called here: one that is not inlined could be taken for the whole program,
// with instructions that another processor does not have.
#pragma once

#include <cstring>
#include <type_traits>

#include "kernels/internal/micro_kernel.h"

namespace polytask::kernels {
namespace {

constexpr int kVectorsPerPanel = static_cast<int>(PackedLinear::kPanel) / kLanes;

template <Precision precision>
using Sums = std::conditional_t<precision == Precision::Int8, Ints, Floats>;

template <Precision precision>
[[gnu::always_inline]] inline Sums<precision> multiply_add(Sums<precision> sum, std::byte const* a,
                                                           std::byte const* b) {
  if constexpr (precision == Precision::Int8) {
    std::int32_t value = 0;
    std::memcpy(&value, a, 4);
    return multiply_add_int8(sum, Ints{} + value, *reinterpret_cast<IntsAt const*>(b));
  } else {
    float value = 0;
    std::memcpy(&value, a, 4);
    Floats const row = Floats{} + value;
    Floats const column = *reinterpret_cast<FloatsAt const*>(b);
    if constexpr (precision == Precision::Float32)
      return multiply_add_float32(sum, row, column);
    else
      return multiply_add_bfloat16(sum, row, column);
  }
}

template <Activation activation, OutputRows::Type type>
[[gnu::always_inline]] inline Floats activated(Floats x) {
  if constexpr (activation == Activation::Gelu)
    return type == OutputRows::Type::Float32 ? gelu(x) : gelu_for_bfloat16(x);
  if constexpr (activation == Activation::GeluTanh) return gelu_by_tanh(x);
  if constexpr (activation == Activation::Relu) return x > Floats{} ? x : Floats{};
  if constexpr (activation == Activation::Tanh) return hyperbolic_tangent(x);
  return x;
}

/// One vector of results, of which `n` lanes belong to the layer.
template <OutputRows::Type type>
[[gnu::always_inline]] inline void store_result(Block const& block, std::int64_t row, std::int64_t column,
                                                std::int64_t n, Floats result) {
  std::int64_t const at = row * block.out.stride + column;
  if constexpr (type == OutputRows::Type::Float32) {
    auto* const place = static_cast<float*>(block.out.values) + at;
    if (n >= kLanes)
      store(place, result);
    else
      for (int i = 0; i < n; ++i) place[i] = result[i];
  } else {
    Halves const halves = to_bfloat16(result);
    auto* const place = static_cast<std::uint16_t*>(block.out.values) + at;
    if (n >= kLanes)
      *reinterpret_cast<HalvesAt*>(place) = halves;
    else
      for (int i = 0; i < n; ++i) place[i] = halves[i];
  }
}

[[gnu::always_inline]] inline Floats residual_at(Block const& block, std::int64_t row, std::int64_t column,
                                                 std::int64_t n) {
  float const* const place = block.residual + row * block.residual_stride + column;
  if (n >= kLanes) return load(place);
  Floats values{};
  for (int i = 0; i < n; ++i) values[i] = place[i];
  return values;
}

template <Precision precision, Activation activation, OutputRows::Type type>
void finish_as(Block const& block, int n_rows, int n_vectors, Sums<precision> const* sums) {
  for (std::int64_t column = 0; column < block.n_columns; column += kLanes) {
    std::int64_t const n = block.n_columns - column;
    Floats const bias = load(block.bias + column);
    Floats scale{};
    if constexpr (precision == Precision::Int8) scale = load(block.column_scales + column);
    for (int r = 0; r < n_rows; ++r) {
      Sums<precision> const sum = sums[r * n_vectors + column / kLanes];
      Floats result;
      if constexpr (precision == Precision::Int8)
        result = __builtin_convertvector(sum, Floats) * scale * block.row_scales[r] + bias;
      else
        result = sum + bias;
      if (block.residual != nullptr) result += residual_at(block, r, column, n);
      store_result<type>(block, r, column, n, activated<activation, type>(result));
    }
  }
}

template <Precision precision, OutputRows::Type type>
[[gnu::always_inline]] inline void finish_into(Block const& block, int n_rows, int n_vectors,
                                               Sums<precision> const* sums) {
  switch (block.activation) {
    case Activation::None: return finish_as<precision, Activation::None, type>(block, n_rows, n_vectors, sums);
    case Activation::Gelu: return finish_as<precision, Activation::Gelu, type>(block, n_rows, n_vectors, sums);
    case Activation::GeluTanh: return finish_as<precision, Activation::GeluTanh, type>(block, n_rows, n_vectors, sums);
    case Activation::Relu: return finish_as<precision, Activation::Relu, type>(block, n_rows, n_vectors, sums);
    case Activation::Tanh: return finish_as<precision, Activation::Tanh, type>(block, n_rows, n_vectors, sums);
  }
}

/// What follows the product. Not unrolled and not inlined: it is little beside the product, but much code.
template <Precision precision>
[[gnu::noinline]] void finish(Block const& block, int n_rows, int n_vectors, Sums<precision> const* sums) {
  if (block.out.type == OutputRows::Type::Float32)
    finish_into<precision, OutputRows::Type::Float32>(block, n_rows, n_vectors, sums);
  else
    finish_into<precision, OutputRows::Type::BFloat16>(block, n_rows, n_vectors, sums);
}

template <Precision precision, int n_rows, int n_panels>
void micro_kernel(Block const& block) {
  constexpr int kVectors = n_panels * kVectorsPerPanel;
  Sums<precision> sums[n_rows][kVectors];  // indexed by constants alone, so that it stays in registers
#pragma GCC unroll 16
  for (int r = 0; r < n_rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v)
      if constexpr (precision == Precision::Int8)
        sums[r][v] = *reinterpret_cast<IntsAt const*>(block.starts + v * kLanes);
      else
        sums[r][v] = Sums<precision>{};
  constexpr std::int64_t kStepBytes = PackedLinear::kPanel * 4;
  for (std::int64_t step = 0; step < block.n_steps; ++step) {
    std::byte const* const row = block.rows + step * block.step_bytes;
    std::byte const* const panel = block.panels + step * kStepBytes;
    __builtin_prefetch(block.ahead + step * kStepBytes, 0, 2);  // into the second cache
#pragma GCC unroll 16
    for (int r = 0; r < n_rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v)
        sums[r][v] = multiply_add<precision>(
            sums[r][v], row + r * block.row_bytes,
            panel + v / kVectorsPerPanel * block.panel_bytes + v % kVectorsPerPanel * (kLanes * 4));
  }
  Sums<precision> stored[n_rows * kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < n_rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) stored[r * kVectors + v] = sums[r][v];
  finish<precision>(block, n_rows, kVectors, stored);
}

/// The kernels of one precision by rows and panels, up to a largest block.
template <Precision precision, int most_rows, int most_panels>
struct Table {
  template <int n_panels, int n_rows = most_rows>
  static MicroKernel for_rows(std::int64_t rows) {
    if (rows == n_rows) return micro_kernel<precision, n_rows, n_panels>;
    if constexpr (n_rows > 1) return for_rows<n_panels, n_rows - 1>(rows);
    return nullptr;
  }
  template <int n_panels = most_panels>
  static MicroKernel for_panels(std::int64_t rows, std::int64_t panels) {
    if (panels == n_panels) return for_rows<n_panels>(rows);
    if constexpr (n_panels > 1) return for_panels<n_panels - 1>(rows, panels);
    return nullptr;
  }
  static MicroKernel choose(std::int64_t rows, std::int64_t panels) { return for_panels<>(rows, panels); }
  static constexpr MicroKernels kernels() { return {{most_rows, most_panels}, choose}; }
};

template <int most_rows, int most_panels>
MicroKernels kernels_of(Precision precision) {
  switch (precision) {
    case Precision::Float32: return Table<Precision::Float32, most_rows, most_panels>::kernels();
    case Precision::BFloat16: return Table<Precision::BFloat16, most_rows, most_panels>::kernels();
    case Precision::Int8: return Table<Precision::Int8, most_rows, most_panels>::kernels();
  }
  return {};
}

}  // namespace
}  // namespace polytask::kernels
