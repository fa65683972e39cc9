// The encoders that come with the product: named in a project file or at --encoder without a folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace polytask::cli {

/// Where they lie: share/polytask/encoders beside the bin/ or libexec/ that this executable was started from.
[[nodiscard]] std::filesystem::path shipped_encoders_folder();

/// Their names in order; none where that folder is missing.
[[nodiscard]] std::vector<std::string> shipped_encoders();

/// What `encoder: WORD` means: the folder `path` (WORD as a path), or where that does not exist, the shipped encoder
/// WORD. `path` where it is neither, for the message of whoever opens it.
[[nodiscard]] std::filesystem::path encoder_folder(std::string_view word, std::filesystem::path const& path);

}  // namespace polytask::cli
