// What makes a run the same one: hashes of an encoder, and where two identities differ.
#pragma once

#include <filesystem>
#include <string>

#include "base/json.h"

namespace polytask::cli {

/// Hashes of the files that decide what an encoder computes, the same for a folder and for a model of the hub with
/// these files. Throws Error{NotFound} for a folder that cannot be read.
[[nodiscard]] OrderedJson encoder_hashes(std::filesystem::path const& folder);

/// The keys whose values differ, " a.b c" with a space before each, for the message of a conflict.
[[nodiscard]] std::string differing_keys(Json const& before, Json const& now, std::string const& path = "");

}  // namespace polytask::cli
