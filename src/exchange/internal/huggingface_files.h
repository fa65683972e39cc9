// Files of a Hugging Face folder, as strangers wrote them.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/json.h"

namespace polytask::exchange {

[[nodiscard]] Error refused(std::filesystem::path const& path, std::string const& reason);

/// What is read is what lies in the folder, not what a link in it points to. Throws Error{NotFound, InvalidInput}.
void check_files(std::filesystem::path const& folder);

/// An object or a list, of at most 64 MiB. Throws Error{NotFound, InvalidInput}.
[[nodiscard]] Json read_json_file(std::filesystem::path const& path);

}  // namespace polytask::exchange
