#include "kernels/packed_linear.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "kernels/internal/bfloat16.h"
#include "kernels/internal/micro_kernel.h"

namespace polytask::kernels {
namespace {

constexpr std::int64_t kPanel = PackedLinear::kPanel;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// The panel that the `chunk`-th chunk of rows brings nearer: a few rows would be through with a block before the next
/// one has come from memory. Behind a layer's last panel lies what its model multiplies with next (WeightMemory); the
/// address is only a hint, and nothing is read where it leads nowhere.
std::byte const* ahead_of(Block const& block, std::int64_t n_panels, std::int64_t chunk) {
  if (chunk >= n_panels) return block.panels;
  auto const address = reinterpret_cast<std::uintptr_t>(block.panels);
  return reinterpret_cast<std::byte const*>(address +
                                            static_cast<std::uintptr_t>((n_panels + chunk) * block.panel_bytes));
}

#ifdef POLYTASK_X86_KERNELS
/// Matrix tiles are for those who ask: their 8 KB are more than systems keep of a thread otherwise.
bool matrix_tiles_granted() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM, which older headers lack
  constexpr long kTileData = 18;
  return __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("amx-int8") &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

}  // namespace

std::int64_t elements_per_step(Precision precision) {
  switch (precision) {
    case Precision::Float32: return 1;
    case Precision::BFloat16: return 2;
    case Precision::Int8: return 4;
  }
  return 1;
}

MicroKernels micro_kernels(InstructionSet instructions, Precision precision) {
  switch (instructions) {
    case InstructionSet::Portable: return micro_kernels_portable(precision);
#ifdef POLYTASK_X86_KERNELS
    case InstructionSet::Avx2: return micro_kernels_avx2(precision);
    case InstructionSet::Avx512: return micro_kernels_avx512(precision);
    case InstructionSet::Avx512Vnni: return micro_kernels_avx512_vnni(precision);
    case InstructionSet::Avx512Bf16: return micro_kernels_avx512_bf16(precision);
    case InstructionSet::Amx: return micro_kernels_amx(precision);
#else
    default: break;
#endif
  }
  return micro_kernels_portable(precision);
}

std::string_view to_string(InstructionSet instructions) {
  switch (instructions) {
    case InstructionSet::Portable: return "portable";
    case InstructionSet::Avx2: return "AVX2";
    case InstructionSet::Avx512: return "AVX-512";
    case InstructionSet::Avx512Vnni: return "AVX-512 with VNNI";
    case InstructionSet::Avx512Bf16: return "AVX-512 with VNNI and BF16";
    case InstructionSet::Amx: return "AVX-512 and AMX";
  }
  return "";
}

InstructionSet detected_instructions() {
#ifdef POLYTASK_X86_KERNELS
  if (__builtin_cpu_supports("x86-64-v4")) {
    if (!__builtin_cpu_supports("avx512vnni")) return InstructionSet::Avx512;
    if (!__builtin_cpu_supports("avx512bf16")) return InstructionSet::Avx512Vnni;
    static bool const has_tiles = matrix_tiles_granted();
    return has_tiles ? InstructionSet::Amx : InstructionSet::Avx512Bf16;
  }
  if (__builtin_cpu_supports("x86-64-v3")) return InstructionSet::Avx2;
#endif
  return InstructionSet::Portable;
}

PackedLinear::PackedLinear(Shape shape, float const* weight, float const* bias, Precision precision,
                           InstructionSet instructions, std::shared_ptr<WeightMemory> memory)
    : shape_(shape), precision_(precision), instructions_(instructions), memory_(std::move(memory)) {
  std::int64_t const per_step = elements_per_step(precision);
  expects(shape.n_out > 0 && shape.n_in > 0 && shape.n_in % per_step == 0, "a layer's inputs fill whole steps");
  expects(precision != Precision::Int8 || shape.n_in <= kMostInt8Inputs, "an int32 holds the sum of bytes");
  expects(instructions <= detected_instructions(), "the processor has the instructions that are asked for");
  n_steps_ = shape.n_in / per_step;
  std::int64_t const n_panels = ceil_div(shape.n_out, kPanel);
  auto const n_padded = static_cast<std::size_t>(n_panels * kPanel);
  panels_ = memory_->take(n_padded * static_cast<std::size_t>(n_steps_) * 4);
  bias_.assign(n_padded, 0.0F);
  std::copy_n(bias, shape.n_out, bias_.begin());
  if (precision == Precision::Int8) {
    column_scales_.assign(n_padded, 0.0F);
    starts_.assign(n_padded, 0);
  }
  for (std::int64_t column = 0; column < shape.n_out; ++column) {
    float const* const row = weight + column * shape.n_in;
    float largest = 0.0F;
    for (std::int64_t i = 0; i < shape.n_in; ++i) largest = std::max(largest, std::abs(row[i]));
    float const step_size = largest / 127.0F;
    float const scale = step_size > 0.0F ? step_size : 1.0F;
    std::int32_t sum = 0;
    std::byte* const lane = panels_ + (column / kPanel * n_steps_ * kPanel + column % kPanel) * 4;
    for (std::int64_t i = 0; i < shape.n_in; ++i) {
      std::byte* const step = lane + i / per_step * kPanel * 4;
      switch (precision) {
        case Precision::Float32: std::memcpy(step, row + i, 4); break;
        case Precision::BFloat16: {
          auto const value = to_bfloat16(row[i]);
          std::memcpy(step + i % per_step * 2, &value, 2);
          break;
        }
        case Precision::Int8: {
          auto const value = static_cast<std::int8_t>(std::lrint(row[i] / scale));
          std::memcpy(step + i % per_step, &value, 1);
          sum += value;
          break;
        }
      }
    }
    if (precision == Precision::Int8) {
      column_scales_[static_cast<std::size_t>(column)] = scale;
      starts_[static_cast<std::size_t>(column)] = -128 * sum;
    }
  }
}

void PackedLinear::apply(InputRows const& x, Columns columns, Finish const& finish, OutputRows const& out) const {
  expects(columns.begin % kPanel == 0 && columns.begin <= columns.end && columns.end <= shape_.n_out,
          "columns lie in the layer and begin with a panel");
  expects(finish.residual == nullptr || finish.activation == Activation::None, "a residual is added to plain sums");
  if (x.n_rows == 0) return;
  auto const kernels = micro_kernels(instructions_, precision_);
  std::int64_t const element_bytes = out.type == OutputRows::Type::Float32 ? 4 : 2;
  std::int64_t const n_chunks = ceil_div(x.n_rows, kernels.size.n_rows);
  BlocksOfProduct const blocks(kernels, x.n_rows);
  for (std::int64_t column = columns.begin; column < columns.end; column += kernels.size.n_panels * kPanel) {
    Block block{.row_bytes = x.row_bytes,
                .panels = panels_ + column * n_steps_ * 4,
                .panel_bytes = n_steps_ * kPanel * 4,
                .n_steps = n_steps_,
                .bias = bias_.data() + column,
                .n_columns = std::min(columns.end - column, kernels.size.n_panels * kPanel),
                .activation = finish.activation,
                .residual_stride = finish.residual_stride,
                .out = {out.type, nullptr, out.stride}};
    if (precision_ == Precision::Int8) {
      block.column_scales = column_scales_.data() + column;
      block.starts = starts_.data() + column;
    }
    // Chunks of rows that differ by one at most: none is so small that its sums wait for one another.
    for (std::int64_t chunk = 0; chunk < n_chunks; ++chunk) {
      std::int64_t const first = chunk * x.n_rows / n_chunks;
      std::int64_t const n_rows = (chunk + 1) * x.n_rows / n_chunks - first;
      block.n_rows = n_rows;
      block.ahead = ahead_of(block, kernels.size.n_panels, chunk);
      block.rows = static_cast<std::byte const*>(x.values) + first * x.row_bytes;
      block.row_scales = x.scales == nullptr ? nullptr : x.scales + first;
      block.residual = finish.residual == nullptr ? nullptr : finish.residual + first * finish.residual_stride + column;
      block.out.values = static_cast<std::byte*>(out.values) + (first * out.stride + column) * element_bytes;
      kernels.choose(n_rows, ceil_div(block.n_columns, kPanel))(block);
    }
  }
}

}  // namespace polytask::kernels
