// A tensor of a file, as weights that can be computed with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/encoder_files.h"

namespace polytask::model {

/// Throws Error{InvalidInput} naming the file and the tensor for another shape than `expected`.
void check_shape(std::filesystem::path const& path, std::string const& name, std::vector<std::int64_t> const& found,
                 std::vector<std::int64_t> const& expected, std::string const& asked_by);

/// Throws Error{InvalidInput} naming the file and the tensor for another shape than `expected`, which `asked_by`
/// (config.json, ...) asks for, for a type that holds no weights, and for values that are not finite.
[[nodiscard]] Tensor checked_tensor(std::filesystem::path const& path, std::string const& name, TensorView const& view,
                                    std::vector<std::int64_t> const& expected, std::string const& asked_by);

}  // namespace polytask::model
