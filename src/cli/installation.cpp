#include "cli/installation.h"

namespace polytask::cli {

namespace fs = std::filesystem;

fs::path installation_folder() {
  auto const folder = fs::canonical("/proc/self/exe").parent_path();
  auto const outer = folder.parent_path();
  return outer.filename() == "libexec" ? outer.parent_path() : outer;
}

fs::path companion_executable(char const* name) { return installation_folder() / "libexec" / "polytask" / name; }

}  // namespace polytask::cli
