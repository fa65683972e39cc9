// A few rows times a few panels of 16 columns: all of a product that depends on the instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/packed_linear.h"

// Other compilers have no pragma that sets the instructions of all that follows; what they build is portable.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define POLYTASK_X86_KERNELS
#endif

namespace polytask::kernels {

/// One block of a product. Panels are `panel_bytes` apart; everything about columns starts at the block's first.
struct Block {
  std::int64_t n_rows = 0;
  std::byte const* rows = nullptr;
  std::int64_t row_bytes = 0;   ///< between rows
  std::int64_t step_bytes = 4;  ///< between the steps of one
  float const* row_scales = nullptr;
  std::byte const* panels = nullptr;
  std::int64_t panel_bytes = 0;
  std::int64_t n_steps = 0;
  std::byte const* ahead = nullptr;  ///< a panel that may still lie in memory: it is brought nearer, a line a step
  float const* bias = nullptr;
  float const* column_scales = nullptr;
  std::int32_t const* starts = nullptr;
  std::int64_t n_columns = 0;  ///< that are written: fewer than the panels have at the layer's end
  Activation activation = Activation::None;
  float const* residual = nullptr;
  std::int64_t residual_stride = 0;
  OutputRows out;  ///< of the block's first element
};

/// Largest block that an instruction set works on.
struct BlockSize {
  std::int64_t n_rows = 0;
  std::int64_t n_panels = 0;
};

using MicroKernel = void (*)(Block const&);

/// 1 <= n_rows, n_panels <= those of the size. Defined once for each instruction set.
struct MicroKernels {
  BlockSize size;
  MicroKernel (*choose)(std::int64_t n_rows, std::int64_t n_panels) = nullptr;
  /// Matrix tiles: a thread says before its blocks how many rows the product has (at least 1), and afterwards that it
  /// is through. Blocks of a product of 16 rows or more then have at least 16.
  void (*begin)(std::int64_t n_rows) = nullptr;
  void (*end)() = nullptr;
  bool whole_rows = false;  ///< the steps of a row lie one after another
};

/// For as long as a thread multiplies blocks of one product.
class BlocksOfProduct {
 public:
  BlocksOfProduct(MicroKernels const& kernels, std::int64_t n_rows) : end_(kernels.end) {
    if (kernels.begin != nullptr) kernels.begin(n_rows);
  }
  ~BlocksOfProduct() {
    if (end_ != nullptr) end_();
  }
  BlocksOfProduct(BlocksOfProduct const&) = delete;
  BlocksOfProduct& operator=(BlocksOfProduct const&) = delete;

 private:
  void (*end_)();
};

[[nodiscard]] std::int64_t elements_per_step(Precision precision);
[[nodiscard]] MicroKernels micro_kernels(InstructionSet instructions, Precision precision);

[[nodiscard]] MicroKernels micro_kernels_portable(Precision precision);
#ifdef POLYTASK_X86_KERNELS
[[nodiscard]] MicroKernels micro_kernels_avx2(Precision precision);
[[nodiscard]] MicroKernels micro_kernels_avx512(Precision precision);
[[nodiscard]] MicroKernels micro_kernels_avx512_vnni(Precision precision);
[[nodiscard]] MicroKernels micro_kernels_avx512_bf16(Precision precision);
[[nodiscard]] MicroKernels micro_kernels_amx(Precision precision);
#endif

}  // namespace polytask::kernels
