// An encoder for other libraries, which do not know its weights at a byte each (model/compact_weights.h).
#pragma once

#include <cstddef>
#include <filesystem>

namespace polytask::exchange {

/// Writes the new folder, whole or not at all: every tensor of floats under the name it has, as float32 in
/// model.safetensors, the configuration, and the tokenizer's files and the papers (card, licence, records) as they are.
/// Returns the number of tensors. Throws Error{NotFound, InvalidInput} naming the file for a folder without weights or
/// with such as are damaged or not of its configuration, Error{InvalidUsage} for a place inside the encoder's own,
/// Error{Conflict} where something is there already, Error{Unavailable}.
std::size_t export_encoder(std::filesystem::path const& encoder, std::filesystem::path const& folder);

}  // namespace polytask::exchange
