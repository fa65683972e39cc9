// Weights at a byte each, for an encoder that has to be small on disk: model.int8.safetensors, which only polytask
// reads. A matrix NAME is I8 [rows, columns] beside NAME.scale, F32 [rows]; a value is its row's scale times its byte,
// and the largest of a row is 127 (symmetric, by output channel; of an embedding by token). Vectors stay F32.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "model/encoder_files.h"

namespace polytask::model {

inline constexpr char const* kCompactWeights = "model.int8.safetensors";

/// Each value is off by at most half its row's scale. Throws Error{InvalidInput} for values that are not finite.
void write_compact_weights(std::filesystem::path const& folder, std::map<std::string, Tensor> const& weights);

/// Whether `name` is the scale of another tensor among those of a file.
[[nodiscard]] bool is_scale(std::map<std::string, TensorView> const& tensors, std::string const& name);
/// The values of a matrix that write_compact_weights wrote. Throws Error{InvalidInput} naming the file and the tensor
/// for a scale that is missing, of another shape or type, negative or not finite.
[[nodiscard]] Tensor compact_tensor(std::filesystem::path const& path, std::map<std::string, TensorView> const& tensors,
                                    std::string const& name);

}  // namespace polytask::model
