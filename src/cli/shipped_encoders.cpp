#include "cli/shipped_encoders.h"

#include <algorithm>
#include <system_error>

#include "cli/installation.h"

namespace polytask::cli {

namespace fs = std::filesystem;

fs::path shipped_encoders_folder() { return installation_folder() / "share" / "polytask" / "encoders"; }

std::vector<std::string> shipped_encoders() {
  std::error_code error;
  std::vector<std::string> names;
  for (auto const& entry : fs::directory_iterator(shipped_encoders_folder(), error))
    if (fs::is_regular_file(entry.path() / "config.json", error)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

fs::path encoder_folder(std::string_view word, fs::path const& path) {
  std::error_code error;
  auto const names = shipped_encoders();
  bool const shipped = std::find(names.begin(), names.end(), word) != names.end();
  return shipped && !fs::exists(path, error) ? shipped_encoders_folder() / word : path;
}

}  // namespace polytask::cli
