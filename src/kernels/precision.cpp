#include "kernels/precision.h"

namespace polytask::kernels {

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::Float32: return "f32";
    case Precision::BFloat16: return "bf16";
    case Precision::Int8: return "int8";
  }
  return "";
}

std::optional<Precision> parse_precision(std::string_view word) {
  for (auto const precision : {Precision::Float32, Precision::BFloat16, Precision::Int8})
    if (word == to_string(precision)) return precision;
  return std::nullopt;
}

}  // namespace polytask::kernels
