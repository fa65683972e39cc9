// Where the room's models are written: an exported folder, and the package of an imported one.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "model/package_contents.h"

namespace polytask::exchange {

/// The name of a new folder for a model of `source`. Throws what model::new_folder_name and
/// model::refuse_inside_sources throw, and Error{Conflict} where something is there already.
[[nodiscard]] std::filesystem::path exported_folder(std::filesystem::path const& folder,
                                                    std::filesystem::path const& source);

/// Makes a package that comes from nowhere of the model folder that `write_model` writes into the empty one it is
/// given: whole or not at all. `source` is what was imported, `polytask` the version that does. Throws what
/// model::write_package throws.
model::WrittenPackage write_imported_package(std::filesystem::path const& folder, std::filesystem::path const& source,
                                             std::string const& polytask,
                                             std::function<void(std::filesystem::path const&)> const& write_model);

}  // namespace polytask::exchange
