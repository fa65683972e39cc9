// What a run was made with: a run folder's environment.json.
#pragma once

#include <filesystem>
#include <string>

namespace polytask::cli {

/// `n_threads`: of each process. Throws Error{Unavailable} when it cannot be written.
void write_environment(std::filesystem::path const& run_folder, int n_threads, std::string const& device);

}  // namespace polytask::cli
