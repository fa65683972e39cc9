#include "model/internal/checked_tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/error.h"

namespace polytask::model {

void check_shape(std::filesystem::path const& path, std::string const& name, std::vector<std::int64_t> const& found,
                 std::vector<std::int64_t> const& expected, std::string const& asked_by) {
  if (found != expected)
    throw Error(ErrorCode::InvalidInput,
                fmt::format("{}: tensor {} has shape [{}], {} asks for [{}]; the files do not belong together",
                            path.string(), quote(name), fmt::join(found, ", "), asked_by, fmt::join(expected, ", ")));
}

Tensor checked_tensor(std::filesystem::path const& path, std::string const& name, TensorView const& view,
                      std::vector<std::int64_t> const& expected, std::string const& asked_by) {
  auto const refuse = [&](std::string const& reason) {
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: tensor {} {}", path.string(), quote(name), reason));
  };
  check_shape(path, name, view.shape, expected, asked_by);
  if (view.dtype != DType::F32 && view.dtype != DType::F16 && view.dtype != DType::BF16 && view.dtype != DType::F64)
    refuse(fmt::format("has dtype {}; expected floating-point weights (F32, F16, BF16, F64)", to_string(view.dtype)));
  Tensor tensor{view.shape, view.to_floats()};
  // An exponent of ones is not a number, or infinite. All are looked at without a branch, as there are millions.
  constexpr std::uint32_t kExponent = 0x7F800000U;
  std::uint32_t n_wrong = 0;
  for (float const value : tensor.values) n_wrong += (std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent;
  for (std::size_t i = 0; n_wrong > 0 && i < tensor.values.size(); ++i)
    if (!std::isfinite(tensor.values[i]))
      refuse(fmt::format("holds {} at position {}; the weights are damaged, get them again", tensor.values[i], i));
  return tensor;
}

}  // namespace polytask::model
