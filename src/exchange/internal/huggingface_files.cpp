#include "exchange/internal/huggingface_files.h"

#include <fmt/format.h>

#include "base/file.h"

namespace polytask::exchange {

namespace fs = std::filesystem;

namespace {
constexpr std::uintmax_t kLargestFile = 1 << 26;  // bytes; the largest vocabularies have 17 MB
}

Error refused(fs::path const& path, std::string const& reason) {
  return {ErrorCode::InvalidInput, fmt::format("{}: {}", path.string(), reason)};
}

void check_files(fs::path const& folder) {
  std::error_code failed;
  fs::directory_iterator const entries(folder, failed);
  if (failed)
    throw Error(ErrorCode::NotFound,
                fmt::format("{}: cannot be opened ({}); expected a folder that transformers or sentence-transformers "
                            "saved",
                            folder.string(), failed.message()));
  for (auto const& entry : entries) {
    auto const status = entry.symlink_status();
    if (fs::is_symlink(status))
      throw refused(entry.path(), "is a symbolic link; copy the folder with `cp -rL` and give the copy");
    if (!fs::is_regular_file(status) && !fs::is_directory(status))
      throw refused(entry.path(), "is neither a file nor a folder; remove it");
  }
}

Json read_json_file(fs::path const& path) {
  auto json = parse_json(read_file(path, kLargestFile), path.string()).value();
  if (!json.is_object() && !json.is_array()) throw refused(path, "is neither a JSON object nor a list");
  return json;
}

}  // namespace polytask::exchange
