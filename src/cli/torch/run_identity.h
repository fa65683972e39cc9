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

/// `train.precision`: what "auto" was when the run with this config.json was begun, so that another measurement does
/// not make it another run; where none was begun, what this processor is measured to gain by; "f32" on another device.
/// Other words as they are.
[[nodiscard]] std::string precision_of_run(std::string const& word, std::string const& device,
                                           std::filesystem::path const& config_json);

}  // namespace polytask::cli
