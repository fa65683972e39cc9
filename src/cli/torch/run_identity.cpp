#include "cli/torch/run_identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace polytask::cli {

namespace fs = std::filesystem;

OrderedJson encoder_hashes(fs::path const& folder) {
  OrderedJson json = OrderedJson::object();
  std::vector<fs::path> files;
  std::error_code failed;
  for (auto const& entry : fs::directory_iterator(folder, failed)) {
    auto const name = entry.path().filename().string();
    if (entry.is_regular_file() && (name.ends_with(".safetensors") || name.ends_with(".json") || name == "vocab.txt"))
      files.push_back(entry.path());
  }
  if (failed)
    throw Error(ErrorCode::NotFound,
                fmt::format("{}: the encoder's folder cannot be read ({})", folder.string(), failed.message()));
  std::sort(files.begin(), files.end());
  for (auto const& file : files) json[file.filename().string()] = sha256_file(file);
  return json;
}

std::string differing_keys(Json const& before, Json const& now, std::string const& path) {
  std::string keys;
  for (auto const& [key, value] : now.items()) {
    auto const full = path.empty() ? key : path + "." + key;
    if (!before.contains(key))
      keys += " " + full;
    else if (value.is_object() && before[key].is_object())
      keys += differing_keys(before[key], value, full);
    else if (before[key] != value)
      keys += " " + full;
  }
  for (auto const& [key, value] : before.items())
    if (!now.contains(key)) keys += " " + (path.empty() ? key : path + "." + key);
  return keys;
}

}  // namespace polytask::cli
