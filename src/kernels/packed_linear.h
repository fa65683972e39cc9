// A fully connected layer that is prepared once and applied to rows many times, without gradients:
// y = activation(x W^T + b) or y = x W^T + b + residual.
// The products are our own: a row's result is then the same bits whatever rows stand beside it and however many threads
// work, which no library promises, and what follows a product happens while it is still in registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "kernels/precision.h"
#include "kernels/weight_memory.h"

namespace polytask::kernels {

/// Instructions that the products are written for; each includes those before it. Any other processor is Portable.
enum class InstructionSet { Portable, Avx2, Avx512, Avx512Vnni, Avx512Bf16, Amx };
[[nodiscard]] std::string_view to_string(InstructionSet instructions);
/// The best one that this processor has and its system lets a process use.
[[nodiscard]] InstructionSet detected_instructions();

enum class Activation { None, Gelu, GeluTanh, Relu, Tanh };

/// Rows as a layer of some precision reads them, 4-byte steps along each: 1 float, 2 bfloat16, or 4 int8.
/// int8: a value is (byte - 128) * scale of its row.
struct InputRows {
  std::int64_t n_rows = 0;
  void const* values = nullptr;
  std::int64_t row_bytes = 0;
  float const* scales = nullptr;  ///< int8 alone: [n_rows]
};

/// Where results go: rows of float32 or bfloat16. `stride` counts elements.
struct OutputRows {
  enum class Type { Float32, BFloat16 };
  Type type = Type::Float32;
  void* values = nullptr;
  std::int64_t stride = 0;
};

/// What happens to a product besides the bias. A residual (float32 rows) is not combined with an activation.
struct Finish {
  Activation activation = Activation::None;
  float const* residual = nullptr;
  std::int64_t residual_stride = 0;
};

/// Half-open range of output columns; begins at a multiple of `PackedLinear::kPanel`.
struct Columns {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Immutable; safe to share between threads.
class PackedLinear {
 public:
  static constexpr std::int64_t kPanel = 16;               ///< columns that lie together
  static constexpr std::int64_t kMostInt8Inputs = 65'536;  ///< beyond, an int32 could not hold the sum

  struct Shape {
    std::int64_t n_out = 0;
    std::int64_t n_in = 0;  ///< BFloat16: a multiple of 2; Int8: of 4, at most kMostInt8Inputs
  };
  /// weight: [n_out, n_in]; bias: [n_out]; all finite. Int8: a scale for each output, its largest weight / 127.
  /// The layers of one model share their memory.
  PackedLinear(Shape shape, float const* weight, float const* bias, Precision precision,
               InstructionSet instructions = detected_instructions(),
               std::shared_ptr<WeightMemory> memory = std::make_shared<WeightMemory>());

  /// Columns `columns` of the result, at their own places in the rows of `out`. Single-threaded.
  void apply(InputRows const& x, Columns columns, Finish const& finish, OutputRows const& out) const;
  void apply(InputRows const& x, Finish const& finish, OutputRows const& out) const {
    apply(x, {0, shape_.n_out}, finish, out);
  }

  [[nodiscard]] Shape shape() const noexcept { return shape_; }
  [[nodiscard]] Precision precision() const noexcept { return precision_; }

 private:
  Shape shape_;
  Precision precision_;
  InstructionSet instructions_;
  std::int64_t n_steps_ = 0;
  std::shared_ptr<WeightMemory> memory_;
  std::byte* panels_ = nullptr;       ///< [panel][step][column of the panel][4 bytes]
  std::vector<float> bias_;           ///< filled up to whole panels, as the two below
  std::vector<float> column_scales_;  ///< int8
  std::vector<std::int32_t> starts_;  ///< int8: what a sum begins with, so that bytes count from 128
};

}  // namespace polytask::kernels
