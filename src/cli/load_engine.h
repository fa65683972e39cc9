// The model that the command line names, in the engine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "cli/command_line.h"
#include "cli/run_store.h"
#include "engine/engine.h"

namespace polytask::cli {

/// Where a verb's model stands.
struct ModelPlace {
  std::filesystem::path folder;
  std::optional<RunInfo> run;            ///< nothing for a package
  std::filesystem::path project_folder;  ///< of the run
  std::string package_id;
};
/// "run \"first\"" or "package 0123456789ab", for messages.
[[nodiscard]] std::string model_name(ModelPlace const& place);

/// --package, every file of it verified, or --run of the project. Throws as model::open_package and complete_run, and
/// Error{InvalidUsage} when both are named.
[[nodiscard]] ModelPlace model_place(CommandLine const& line);

/// Says on standard error how many rows were cut, where some were, and what can be done.
void report_cut(std::size_t n_cut, std::size_t n_rows, engine::LongTexts long_texts);

/// --threads, --precision and --long-texts applied. Throws as engine::Engine::load.
[[nodiscard]] engine::Engine load_engine(std::filesystem::path const& model_folder, CommandLine const& line);

}  // namespace polytask::cli
