#include "model/compact_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace polytask::model {
namespace {

constexpr float kLargestByte = 127;
constexpr std::string_view kScale = ".scale";

struct Bytes {
  std::vector<std::int8_t> values;
  std::vector<float> scales;  ///< by row
};

Bytes bytes_of(Tensor const& tensor) {
  auto const n_columns = static_cast<std::size_t>(tensor.shape[1]);
  Bytes bytes{.values = std::vector<std::int8_t>(tensor.values.size()), .scales = {}};
  for (std::size_t row = 0; row < static_cast<std::size_t>(tensor.shape[0]); ++row) {
    auto const* values = tensor.values.data() + row * n_columns;
    float largest = 0;
    for (std::size_t i = 0; i < n_columns; ++i) largest = std::max(largest, std::abs(values[i]));
    float const scale = largest / kLargestByte;
    for (std::size_t i = 0; i < n_columns && scale > 0; ++i)
      bytes.values[row * n_columns + i] =
          static_cast<std::int8_t>(std::clamp(std::nearbyint(values[i] / scale), -kLargestByte, kLargestByte));
    bytes.scales.push_back(scale);
  }
  return bytes;
}

}  // namespace

void write_compact_weights(std::filesystem::path const& folder, std::map<std::string, Tensor> const& weights) {
  std::vector<TensorToWrite> tensors;
  std::map<std::string, Bytes> kept;  // the bytes must outlive the call
  for (auto const& [name, tensor] : weights) {
    if (!std::all_of(tensor.values.begin(), tensor.values.end(), [](float value) { return std::isfinite(value); }))
      throw Error(ErrorCode::InvalidInput,
                  fmt::format("the weights {} are not all finite; they are not written", name));
    if (tensor.shape.size() != 2) {
      tensors.push_back(to_write(name, tensor));
      continue;
    }
    auto const& bytes = kept[name] = bytes_of(tensor);
    tensors.push_back({name, DType::I8, tensor.shape, std::as_bytes(std::span(bytes.values))});
    tensors.push_back(
        {name + std::string(kScale), DType::F32, {tensor.shape[0]}, std::as_bytes(std::span(bytes.scales))});
  }
  write_safetensors(folder / kCompactWeights, std::move(tensors));
}

bool is_scale(std::map<std::string, TensorView> const& tensors, std::string const& name) {
  if (!name.ends_with(kScale)) return false;
  auto const whole = tensors.find(name.substr(0, name.size() - kScale.size()));
  return whole != tensors.end() && whole->second.dtype == DType::I8;
}

Tensor compact_tensor(std::filesystem::path const& path, std::map<std::string, TensorView> const& tensors,
                      std::string const& name) {
  auto const refuse = [&](std::string_view reason) {
    throw Error(ErrorCode::InvalidInput, fmt::format("{}: tensor {} {}", path.string(), quote(name), reason));
  };
  auto const& view = tensors.at(name);
  auto const found = tensors.find(name + std::string(kScale));
  if (view.shape.size() != 2 || found == tensors.end())
    refuse("holds bytes without a scale for each row; expected floating-point weights (F32, F16, BF16, F64)");
  if (found->second.dtype != DType::F32 || found->second.shape != std::vector{view.shape[0]})
    refuse(fmt::format("has {} rows, and a scale of another shape or type; expected F32 [{}]", view.shape[0],
                       view.shape[0]));
  auto const scales = found->second.to_floats();
  if (!std::all_of(scales.begin(), scales.end(), [](float scale) { return std::isfinite(scale) && scale >= 0; }))
    refuse("has a scale below 0 or not finite; the weights are damaged, get them again");
  Tensor tensor{view.shape, std::vector<float>(view.bytes.size())};
  auto const n_columns = static_cast<std::size_t>(view.shape[1]);
  for (std::size_t i = 0; i < tensor.values.size(); ++i)
    tensor.values[i] = scales[i / n_columns] * static_cast<float>(static_cast<std::int8_t>(view.bytes[i]));
  return tensor;
}

}  // namespace polytask::model
