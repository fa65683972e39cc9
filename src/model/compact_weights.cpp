#include "model/compact_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "base/error.h"

namespace polytask::model {
namespace {

constexpr float kLargestByte = 127;
constexpr float kMiddle = 7.5;  // of four bits
constexpr int kParts = 20, kFewestParts = 12;
constexpr std::string_view kScale = ".scale";

struct Bytes {
  std::vector<std::uint8_t> values;  ///< as they are written
  std::vector<float> scales;         ///< by row
};

Bytes bytes_of(Tensor const& tensor) {
  auto const n_columns = static_cast<std::size_t>(tensor.shape[1]);
  Bytes bytes{.values = std::vector<std::uint8_t>(tensor.values.size()), .scales = {}};
  for (std::size_t row = 0; row < static_cast<std::size_t>(tensor.shape[0]); ++row) {
    auto const* values = tensor.values.data() + row * n_columns;
    float largest = 0;
    for (std::size_t i = 0; i < n_columns; ++i) largest = std::max(largest, std::abs(values[i]));
    float const scale = largest / kLargestByte;
    for (std::size_t i = 0; i < n_columns && scale > 0; ++i)
      bytes.values[row * n_columns + i] = static_cast<std::uint8_t>(
          static_cast<std::int8_t>(std::clamp(std::nearbyint(values[i] / scale), -kLargestByte, kLargestByte)));
    bytes.scales.push_back(scale);
  }
  return bytes;
}

/// Four bits, 0..15, of a value in units of its row's scale.
std::uint8_t half_byte_of(float value) {
  return static_cast<std::uint8_t>(std::clamp(std::nearbyint(value + kMiddle), 0.0F, 2 * kMiddle));
}
float value_of(std::uint8_t half_byte) { return static_cast<float>(half_byte) - kMiddle; }

Bytes half_bytes_of(Tensor const& tensor) {
  auto const n_columns = static_cast<std::size_t>(tensor.shape[1]);
  Bytes bytes{.values = std::vector<std::uint8_t>(tensor.values.size() / 2), .scales = {}};
  for (std::size_t row = 0; row < static_cast<std::size_t>(tensor.shape[0]); ++row) {
    std::span const values(tensor.values.data() + row * n_columns, n_columns);
    float largest = 0;
    for (float const value : values) largest = std::max(largest, std::abs(value));
    float best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (int part = kFewestParts; part <= kParts && largest > 0; ++part) {
      float const scale = largest / kMiddle * static_cast<float>(part) / kParts;
      if (scale <= 0) continue;  // of a row that is nearly nothing
      double error = 0;
      for (float const value : values) error += std::pow(scale * value_of(half_byte_of(value / scale)) - value, 2);
      if (error < least) least = error, best = scale;
    }
    for (std::size_t i = 0; i < n_columns && best > 0; i += 2)
      bytes.values[(row * n_columns + i) / 2] =
          static_cast<std::uint8_t>(half_byte_of(values[i] / best) | half_byte_of(values[i + 1] / best) << 4U);
    bytes.scales.push_back(best);
  }
  return bytes;
}

}  // namespace

bool is_compact(TensorView const& view) { return view.dtype == DType::I8 || view.dtype == DType::U8; }

void write_compact_weights(std::filesystem::path const& folder, std::map<std::string, Tensor> const& weights,
                           std::set<std::string> const& at_half) {
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
    bool const is_half = at_half.contains(name) && tensor.shape[1] % 2 == 0;
    auto const& bytes = kept[name] = is_half ? half_bytes_of(tensor) : bytes_of(tensor);
    auto const n_columns = is_half ? tensor.shape[1] / 2 : tensor.shape[1];
    tensors.push_back(
        {name, is_half ? DType::U8 : DType::I8, {tensor.shape[0], n_columns}, std::as_bytes(std::span(bytes.values))});
    tensors.push_back(
        {name + std::string(kScale), DType::F32, {tensor.shape[0]}, std::as_bytes(std::span(bytes.scales))});
  }
  write_safetensors(folder / kCompactWeights, std::move(tensors));
}

bool is_scale(std::map<std::string, TensorView> const& tensors, std::string const& name) {
  if (!name.ends_with(kScale)) return false;
  auto const whole = tensors.find(name.substr(0, name.size() - kScale.size()));
  return whole != tensors.end() && is_compact(whole->second);
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
  // -128 is no byte that we write, and one that may stand there.
  float const largest = view.dtype == DType::U8 ? kMiddle : kLargestByte + 1;
  if (!std::all_of(scales.begin(), scales.end(),
                   [&](float scale) { return std::isfinite(scale * largest) && scale >= 0; }))
    refuse("has a scale below 0 or too large; the weights are damaged, get them again");
  if (view.shape[1] > std::numeric_limits<std::int64_t>::max() / 2) refuse("has no size that can be");
  auto const n_bytes = static_cast<std::size_t>(view.shape[1]);  // of a row
  if (view.dtype == DType::U8) {
    Tensor tensor{{view.shape[0], 2 * view.shape[1]}, std::vector<float>(2 * view.bytes.size())};
    for (std::size_t i = 0; i < view.bytes.size(); ++i) {
      auto const byte = static_cast<std::uint8_t>(view.bytes[i]);
      tensor.values[2 * i] = scales[i / n_bytes] * value_of(byte & 15U);
      tensor.values[2 * i + 1] = scales[i / n_bytes] * value_of(byte >> 4U);
    }
    return tensor;
  }
  Tensor tensor{view.shape, std::vector<float>(view.bytes.size())};
  for (std::size_t i = 0; i < tensor.values.size(); ++i)
    tensor.values[i] = scales[i / n_bytes] * static_cast<float>(static_cast<std::int8_t>(view.bytes[i]));
  return tensor;
}

}  // namespace polytask::model
