// Where the parts of this installation lie, from where the running executable stands.
#pragma once

#include <filesystem>

namespace polytask::cli {

/// The folder above bin/ and libexec/polytask/, whichever of them holds this executable.
[[nodiscard]] std::filesystem::path installation_folder();

/// The path of one of our other executables.
[[nodiscard]] std::filesystem::path companion_executable(char const* name);

}  // namespace polytask::cli
