// Which of a folder's files an encoder consists of.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polytask::hub {

inline constexpr char const* kWeights = "model.safetensors";
inline constexpr char const* kWeightsIndex = "model.safetensors.index.json";

/// In the order in which they are worth having: a configuration that is not supported is seen before weights come.
struct EncoderFiles {
  std::vector<std::string> read;    ///< they decide what the encoder computes; of shards only their index
  std::vector<std::string> beside;  ///< other programs want them for the same encoder
  std::string lack;                 ///< "no config.json": why this is no encoder; empty = it is one
};

/// Of a folder in which `has` says what is there.
[[nodiscard]] EncoderFiles encoder_files(std::function<bool(std::string const& name)> const& has);

/// The files that an index of shards names. Fails with Corrupt for what is no index, or names a file that does not lie
/// beside it.
[[nodiscard]] Result<std::set<std::string>> shards_of(std::string_view index_json, std::string_view where);

/// The most bytes that a file of an encoder has, by its name.
[[nodiscard]] std::uint64_t largest_size(std::string_view name);

}  // namespace polytask::hub
