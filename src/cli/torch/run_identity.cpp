#include "cli/torch/run_identity.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "cli/encoder_source.h"
#include "kernels/peak.h"
#include "text/tokenizer.h"

namespace polytask::cli {

namespace fs = std::filesystem;

namespace {

/// Where an encoder came from is recorded; what it is, its hashes say.
bool decides_nothing(std::string const& key) { return key == "encoder_hub" || key == "teacher_hub"; }

}  // namespace

OrderedJson encoder_hashes(fs::path const& folder) {
  OrderedJson json = OrderedJson::object();
  std::error_code failed;
  fs::directory_iterator const readable(folder, failed);
  if (failed)
    throw Error(ErrorCode::NotFound,
                fmt::format("{}: the encoder's folder cannot be read ({})", folder.string(), failed.message()));
  auto files = files_of_encoder(folder);
  std::sort(files.begin(), files.end());
  for (auto const& file : files) json[file] = sha256_file(folder / file);
  // Of a vocab.txt, the dictionary of MeCab's may decide the tokens as well.
  if (!json.contains("tokenizer.json") && json.contains("vocab.txt"))
    if (auto const outside = text::load_tokenizer(folder)->outside_digest(); !outside.empty())
      json["dictionary of MeCab"] = outside;
  return json;
}

std::string differing_keys(Json const& before, Json const& now, std::string const& path) {
  std::string keys;
  for (auto const& [key, value] : now.items()) {
    auto const full = path.empty() ? key : path + "." + key;
    if (decides_nothing(full)) continue;
    if (!before.contains(key))
      keys += " " + full;
    else if (value.is_object() && before[key].is_object())
      keys += differing_keys(before[key], value, full);
    else if (before[key] != value)
      keys += " " + full;
  }
  for (auto const& [key, value] : before.items())
    if (auto const full = path.empty() ? key : path + "." + key; !now.contains(key) && !decides_nothing(full))
      keys += " " + full;
  return keys;
}

std::string precision_of_run(std::string const& word, std::string const& device, fs::path const& config_json) {
  if (word != "auto") return word;
  if (device != "cpu") return "f32";
  if (fs::exists(config_json)) {
    auto const begun = parse_json(read_file(config_json), config_json.string()).value();
    Json::json_pointer const place("/train/precision");
    if (begun.contains(place) && begun[place].is_string()) return begun[place].get<std::string>();
  }
  return std::string(kernels::to_string(kernels::worthwhile_precision()));
}

}  // namespace polytask::cli
