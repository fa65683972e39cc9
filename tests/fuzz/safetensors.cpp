#include "model/safetensors.h"

#include <cmath>

#include "fuzzing.h"
#include "model/compact_weights.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using polytask::fuzzing::require;
  polytask::fuzzing::expect_value_or_error(data, size, [&](std::string_view) {
    auto const* begin = reinterpret_cast<std::byte const*>(data);
    auto const tensors = polytask::model::parse_safetensors({begin, size}, "f");
    for (auto const& entry : tensors) {
      auto const& tensor = entry.second;
      require(!polytask::find_invalid_utf8(entry.first), "names are valid UTF-8");
      require(tensor.bytes.empty() ||
                  (tensor.bytes.data() >= begin && tensor.bytes.data() + tensor.bytes.size() <= begin + size),
              "tensors lie inside the file");
      std::size_t n = 1;
      for (auto const dimension : tensor.shape) n *= static_cast<std::size_t>(dimension);
      require(n * polytask::model::size_bytes(tensor.dtype) == tensor.bytes.size(), "bytes fit the shape");
      polytask::fuzzing::expect_value_or_error(
          nullptr, 0, [&](std::string_view) { require(tensor.to_floats().size() == n, "every element is a number"); });
      if (!polytask::model::is_compact(tensor)) continue;
      polytask::fuzzing::expect_value_or_error(nullptr, 0, [&](std::string_view) {
        for (float const value : polytask::model::compact_tensor("f", tensors, entry.first).values)
          require(std::isfinite(value), "every weight is finite");
      });
    }
  });
  return 0;
}
