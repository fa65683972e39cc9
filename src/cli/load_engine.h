// The engine with what the command line says.
#pragma once

#include <filesystem>

#include "cli/command_line.h"
#include "engine/engine.h"

namespace polytask::cli {

/// --threads and --precision applied. Throws as engine::Engine::load.
[[nodiscard]] engine::Engine load_engine(std::filesystem::path const& model_folder, CommandLine const& line);

}  // namespace polytask::cli
