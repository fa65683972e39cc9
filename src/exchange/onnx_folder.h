// A multi-task model as a folder for ONNX Runtime and its like, and the way back.
//   model.onnx    exchange/onnx_model.h
//   config.json   the encoder's; and the tokenizer's files, in Hugging Face layout
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "exchange/onnx_model.h"
#include "model/package_contents.h"

namespace polytask::exchange {

/// A model folder or package, which is not verified here, with the tasks that are named; none = all. Throws
/// Error{NotFound, InvalidInput}, of a model that is too large before its weights are read.
[[nodiscard]] OnnxModel read_onnx_model(std::filesystem::path const& model_folder,
                                        std::vector<std::string> const& tasks);

/// Writes the new folder, whole or not at all; equal models give equal bytes. `polytask` is the version that does.
/// Throws what read_onnx_model throws; Error{InvalidUsage} for a place inside the model or a package; Error{Conflict}
/// where something is there already; Error{Unavailable}. Returns the name of each task's output.
std::map<std::string, std::string> export_onnx(std::filesystem::path const& model_folder,
                                               std::vector<std::string> const& tasks,
                                               std::filesystem::path const& folder, std::string const& polytask);

/// Whether it has a model.onnx, and not also the weights of a Hugging Face folder.
[[nodiscard]] bool is_onnx_folder(std::filesystem::path const& folder);

/// Makes a package of what export_onnx wrote, whole or not at all, that comes from nowhere; config.json is not read, as
/// model.onnx has it. Throws Error{NotFound, InvalidInput} naming the file, what parse_onnx throws, and what
/// model::write_package throws.
model::WrittenPackage import_onnx(std::filesystem::path const& folder, std::filesystem::path const& package,
                                  std::string const& polytask);

}  // namespace polytask::exchange
