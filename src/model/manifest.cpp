#include "model/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "model/internal/package_files.h"

namespace polytask::model {
namespace {

constexpr int kSchema = 1;

Json to_json(std::optional<std::string> const& text) { return text ? Json(*text) : Json(); }

Json to_json(std::optional<TaskScore> const& score) {
  if (!score) return {};
  Json json;
  json["metric"] = score->metric;
  json["value"] = score->value ? Json(*score->value) : Json();
  json["interval"] = score->interval ? Json(*score->interval) : Json();
  json["n"] = score->n;
  json["split"] = score->split;
  return json;
}

Json to_json(PackageParent const& parent) {
  if (!parent.run && !parent.package && parent.tasks.empty()) return {};
  Json json;
  if (parent.run) json["run"] = *parent.run;
  if (parent.package) json["package"] = *parent.package;
  if (!parent.tasks.empty()) json["tasks"] = parent.tasks;
  return json;
}

/// Reads values of a manifest; every message names the file and the key.
class Reader {
 public:
  explicit Reader(std::string where) : where_(std::move(where)) {}

  [[nodiscard]] Error refused(std::string const& what) const {
    return {ErrorCode::InvalidInput, fmt::format("{}: {}; the file is damaged", where_, what)};
  }

  [[nodiscard]] std::string hash(Json const& value, std::string_view of) const {
    auto const text = value.get<std::string>();
    bool const is_hash = text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
                           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                         });
    if (!is_hash)
      throw refused(fmt::format("the hash of {} is {}; expected 64 small hexadecimal digits", quote(of), quote(text)));
    return text;
  }

  [[nodiscard]] std::map<std::string, std::string> hashes(Json const& object) const {
    if (!object.is_object())
      throw refused(fmt::format("has {} where hashes by name are expected", quote(object.dump())));
    std::map<std::string, std::string> found;
    for (auto const& [name, value] : object.items()) found[name] = hash(value, name);
    return found;
  }

  [[nodiscard]] std::map<std::string, std::string> files(Json const& object) const {
    auto found = hashes(object);
    for (auto const& [path, hash] : found)
      if (!is_package_path(path) || path == "manifest.json")
        throw refused(
            fmt::format("names the file {}; expected a path inside the package, of letters, digits, \".\", "
                        "\"_\" and \"-\"",
                        quote(path)));
    return found;
  }

  [[nodiscard]] PackageParent parent(Json const& json) const {
    PackageParent parent;
    if (json.is_null()) return parent;
    if (json.contains("run")) parent.run = json["run"].get<std::string>();
    if (json.contains("package")) parent.package = hash(json["package"], "parent");
    if (json.contains("tasks")) parent.tasks = hashes(json["tasks"]);
    return parent;
  }

  [[nodiscard]] std::optional<TaskScore> score(Json const& json) const {
    if (json.is_null()) return std::nullopt;
    TaskScore score{.metric = json.at("metric").get<std::string>(), .split = json.at("split").get<std::string>()};
    if (!json.at("value").is_null()) score.value = number(json["value"]);
    if (auto const& interval = json.at("interval"); !interval.is_null()) {
      if (interval.size() != 2) throw refused(fmt::format("has the interval {}", quote(interval.dump())));
      score.interval = {number(interval.at(0)), number(interval.at(1))};
    }
    if (!json.at("n").is_number_unsigned()) throw refused(fmt::format("has the row count {}", quote(json["n"].dump())));
    score.n = json["n"].get<std::int64_t>();
    return score;
  }

  [[nodiscard]] PackagedTask task(std::string const& name, Json const& json) const {
    PackagedTask task;
    task.folder = json.at("folder").get<std::string>();
    if (!is_package_path(task.folder))
      throw refused(fmt::format("puts the task {} into {}", quote(name), quote(task.folder)));
    task.encoder = hash(json.at("encoder"), "encoder");
    if (!json.at("private").is_null()) task.private_layers = hash(json["private"], "private");
    task.head = hash(json.at("head"), "head");
    task.origin.data = hashes(json.at("data"));
    task.origin.score = score(json.at("metrics"));
    if (!json.at("run").is_null()) task.origin.run = json["run"].get<std::string>();
    if (json.contains("encoder_hub"))
      task.origin.hub = HubModel{json["encoder_hub"].at("name").get<std::string>(),
                                 json["encoder_hub"].at("commit").get<std::string>()};
    return task;
  }

 private:
  [[nodiscard]] double number(Json const& value) const {
    if (!value.is_number_float()) throw refused(fmt::format("has the score {}", quote(value.dump())));
    return value.get<double>();
  }

  std::string where_;
};

void check_schema(Json const& json, std::string const& where) {
  auto const& schema = json.at("schema");
  if (schema == kSchema) return;
  auto const version = json.value("polytask", "");
  throw Error(
      ErrorCode::InvalidInput,
      fmt::format(
          "{}: is written in schema {}, this version of polytask reads {}; use version {}, which wrote it, or a "
          "newer one",
          where, schema.is_number_unsigned() ? schema.dump() : quote(schema.dump()), kSchema, quote(version)));
}

}  // namespace

std::string manifest_text(Manifest const& manifest) {
  Json json;  // keys are sorted
  json["schema"] = kSchema;
  json["polytask"] = manifest.polytask;
  json["parent"] = to_json(manifest.parent);
  json["files"] = manifest.files;
  json["encoder"] = manifest.encoder;
  json["tasks"] = Json::object();
  for (auto const& [name, task] : manifest.tasks) {
    auto& entry = json["tasks"][name] = {{"folder", task.folder},
                                         {"encoder", task.encoder},
                                         {"private", to_json(task.private_layers)},
                                         {"head", task.head},
                                         {"data", task.origin.data},
                                         {"metrics", to_json(task.origin.score)},
                                         {"run", to_json(task.origin.run)}};
    if (task.origin.hub) entry["encoder_hub"] = {{"name", task.origin.hub->name}, {"commit", task.origin.hub->commit}};
  }
  return json.dump(1) + "\n";
}

Manifest parse_manifest(std::string_view text, std::string const& where) {
  constexpr int kDeepest = 8;
  constexpr std::size_t kLargest = std::size_t{1} << 24;
  auto const json = parse_json(text, where, {.max_depth = kDeepest, .max_bytes = kLargest}).value();
  Manifest manifest;
  Reader const reader(where);
  try {
    check_schema(json, where);
    manifest.polytask = json.at("polytask").get<std::string>();
    manifest.parent = reader.parent(json.at("parent"));
    manifest.files = reader.files(json.at("files"));
    manifest.encoder = reader.hash(json.at("encoder"), "encoder");
    if (!json.at("tasks").is_object()) throw reader.refused("\"tasks\" is no object");
    for (auto const& [name, task] : json["tasks"].items()) manifest.tasks[name] = reader.task(name, task);
  } catch (Json::exception const& error) {
    throw reader.refused(fmt::format("is not a manifest ({})", json_problem(error)));
  }
  if (manifest_text(manifest) != text)
    throw Error(
        ErrorCode::Corrupt,
        where + ": is not written as polytask writes it: it was changed after packaging; get the package again");
  return manifest;
}

std::string encoder_hash(std::map<std::string, std::string> const& files) {
  Sha256 hash;
  for (auto const& [path, file] : files)
    if (path.starts_with("encoder/")) hash.update(fmt::format("{}  {}\n", file, path));
  return hash.hex_digest();
}

std::string short_id(std::string const& hash) { return hash.substr(0, 12); }

}  // namespace polytask::model
