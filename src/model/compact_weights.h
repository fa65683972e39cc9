// Weights at a byte or half a byte each, for an encoder that has to be small on disk: model.int8.safetensors, which
// only polytask reads. A matrix NAME is I8 [rows, columns] beside NAME.scale, F32 [rows]; a value is its row's scale
// times its byte, and the largest of a row is 127 (symmetric, by output channel; of an embedding by token). At half a
// byte NAME is U8 [rows, columns / 2], the first of two values in the low four bits, and a value is its row's scale
// times (its four bits minus 7.5). Vectors stay F32.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "model/encoder_files.h"

namespace polytask::model {

inline constexpr char const* kCompactWeights = "model.int8.safetensors";

/// At a byte each value is off by at most half its row's scale. The matrices named in `at_half` stand at half a byte
/// where they have an even number of columns: the scale is the one of nine, from 0.6 to 1 of what holds the largest
/// value of the row, with the smallest square error, and what lies beyond is cut. Throws Error{InvalidInput} for values
/// that are not finite.
void write_compact_weights(std::filesystem::path const& folder, std::map<std::string, Tensor> const& weights,
                           std::set<std::string> const& at_half = {});

/// Whether a tensor of model.int8.safetensors is a matrix of bytes or half bytes.
[[nodiscard]] bool is_compact(TensorView const& view);

/// Whether `name` is the scale of another tensor among those of a file.
[[nodiscard]] bool is_scale(std::map<std::string, TensorView> const& tensors, std::string const& name);
/// The values of a matrix that write_compact_weights wrote. Throws Error{InvalidInput} naming the file and the tensor
/// for a scale that is missing, of another shape or type, negative or not finite.
[[nodiscard]] Tensor compact_tensor(std::filesystem::path const& path, std::map<std::string, TensorView> const& tensors,
                                    std::string const& name);

}  // namespace polytask::model
