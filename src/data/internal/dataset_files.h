// Which files a path of a dataset means.
#pragma once

#include <filesystem>
#include <vector>

#include "base/hash.h"
#include "base/problem.h"

namespace polytask::data {

/// The file itself, or all files of a folder, at any depth, by name. Their places in it are part of the content: with
/// format "text" they are labels. A folder that cannot be read or holds no file is one more problem.
[[nodiscard]] std::vector<std::filesystem::path> files_of(std::filesystem::path const& file, Sha256& hash,
                                                          std::vector<Problem>& problems);

}  // namespace polytask::data
