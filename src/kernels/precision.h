// What products are multiplied as.
#pragma once

#include <optional>
#include <string_view>

namespace polytask::kernels {

/// Of both operands. Sums are float32 (int8: exact int32).
enum class Precision { Float32, BFloat16, Int8 };
[[nodiscard]] std::string_view to_string(Precision precision);  ///< "f32", "bf16", "int8"
[[nodiscard]] std::optional<Precision> parse_precision(std::string_view word);

}  // namespace polytask::kernels
