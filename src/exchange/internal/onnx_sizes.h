// How much of a serialized ONNX model is something else than weights: seen before it is parsed, as a few bytes may
// become an object of hundreds.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace polytask::exchange {

/// The most that one message of protobuf may have.
constexpr std::size_t kMostOnnxBytes = (std::size_t{1} << 31) - 1;
/// Beside weights and the texts of metadata. A layer of a graph has about 10 KiB; parsed, two bytes may become 200.
constexpr std::size_t kMostStructureBytes = std::size_t{1} << 22;
constexpr std::size_t kMostMetadataEntries = 100'000;

/// Throws Error{InvalidInput} for more than that, and where the bytes are no message of protobuf. `where` starts the
/// messages.
void check_onnx_sizes(std::string_view bytes, std::string const& where);

}  // namespace polytask::exchange
