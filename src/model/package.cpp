#include "model/package.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "model/internal/package_files.h"
#include "model/model_weights.h"
#include "model/precision_plan.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

constexpr auto kManifest = "manifest.json";
constexpr std::uintmax_t kLargestManifest = 1 << 24;

Error corrupt(fs::path const& path, std::string const& reason) {
  return {ErrorCode::Corrupt, fmt::format("{}: {}", path.string(), reason)};
}

void check_listing(Package const& package, std::map<std::string, std::uintmax_t> const& found) {
  for (auto const& [path, size] : found)
    if (path != kManifest && !package.manifest.files.contains(path))
      throw corrupt(package.folder / path, "is not listed in manifest.json: it was added after packaging; remove it");
  for (auto const& [path, hash] : package.manifest.files)
    if (!found.contains(path))
      throw corrupt(package.folder / path, "is listed in manifest.json and missing; get the package again");
}

void check_hashes(Package const& package) {
  for (auto const& [path, expected] : package.manifest.files)
    if (auto const hash = hash_package_file(package.folder, path); hash != expected)
      throw corrupt(
          package.folder / path,
          fmt::format("was changed after packaging: its SHA-256 is {}, manifest.json says {}; get the package again",
                      hash, expected));
}

/// What manifest.json says of a task against what the package is.
void check_task(Package const& package, HeadSpec const& head, std::set<std::string>& of_tasks) {
  auto const& manifest = package.manifest;
  auto const where = package.folder / kManifest;
  auto const name = quote(head.task.name);
  auto const found = manifest.tasks.find(head.task.name);
  if (found == manifest.tasks.end())
    throw corrupt(where,
                  fmt::format("does not have the task {} of model.json; the files do not belong together", name));
  auto const& task = found->second;
  auto const folder = task_folder("", head.task.name).string();
  if (task.folder != folder)
    throw corrupt(where, fmt::format("puts the task {} into {}; expected {}", name, quote(task.folder), quote(folder)));
  for (auto const* file : {"task.json", "head.safetensors", "card.md"}) {
    auto const path = folder + "/" + file;
    if (!manifest.files.contains(path)) throw corrupt(package.folder / path, "is missing; get the package again");
    of_tasks.insert(path);
  }
  if (task.head != manifest.files.at(folder + "/head.safetensors"))
    throw corrupt(where,
                  fmt::format("gives the head of task {} another hash than its file; the file is damaged", name));
  if (task.encoder != manifest.encoder)
    throw corrupt(where,
                  fmt::format("the head of task {} was trained on another encoder ({}) than the package has ({}); "
                              "it would answer nonsense",
                              name, short_id(task.encoder), short_id(manifest.encoder)));
  auto const layers = package_private_file(package.spec, head);
  if (layers && head.private_layers > 0) of_tasks.insert(*layers);
  auto const file = layers ? manifest.files.find(*layers) : manifest.files.end();
  if (layers && file == manifest.files.end())
    throw corrupt(package.folder / *layers, fmt::format("is missing: task {} needs it; get the package again", name));
  if (task.private_layers != (layers ? std::optional(file->second) : std::nullopt))
    throw corrupt(where, fmt::format("the head of task {} was trained on other private layers than the package has; it "
                                     "would answer nonsense",
                                     name));
}

bool is_run(fs::path const& folder) {
  auto const runs = folder.parent_path();
  return runs.filename() == "runs" && runs.parent_path().filename() == ".polytask";
}

}  // namespace

std::optional<std::string> package_private_file(ModelSpec const& spec, HeadSpec const& head) {
  if (head.private_layers > 0) return private_file("", head.task.name).string();
  for (auto const own : spec.private_readings())
    if (own == head.reading()) return private_file("", own).string();
  return std::nullopt;
}

bool is_package(fs::path const& folder) {
  std::error_code absent;
  return fs::is_regular_file(folder / kManifest, absent);
}

void refuse_inside_sources(fs::path const& target, std::vector<fs::path> const& sources) {
  std::error_code ignored;
  auto const place = fs::weakly_canonical(fs::absolute(target), ignored);
  for (auto const& folder : sources) {
    if (folder.empty()) continue;
    auto const source = fs::weakly_canonical(fs::absolute(folder), ignored).string();
    if (place.string().starts_with(source + "/"))
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("{}: lies inside {}, from which it would be made; choose a folder elsewhere",
                              target.string(), folder.string()));
  }
  for (auto outer = place.parent_path(); outer.has_relative_path(); outer = outer.parent_path())
    if (bool const packaged = is_package(outer); packaged || is_run(outer))
      throw Error(ErrorCode::InvalidUsage,
                  fmt::format("{}: lies inside {}, which is a {} and must stay as it is; choose a folder elsewhere",
                              target.string(), outer.string(), packaged ? "package" : "run"));
}

Package open_package(fs::path const& folder, WeightCheck weights) {
  Package package{.folder = folder};
  auto const found = list_package_files(folder);
  if (!found.contains(kManifest))
    throw Error(
        ErrorCode::NotFound,
        fmt::format("{}: is missing, so the folder is no package; `polytask package --run ID --to FOLDER` makes "
                    "one from a run{}",
                    (folder / kManifest).string(),
                    found.contains("config.json") ? ", and an encoder's folder is named in a project file, "
                                                    "`encoder: FOLDER`"
                                                  : ""));
  auto const text = PackageFile(folder, kManifest).rest(kLargestManifest);
  package.id = sha256_hex(text);
  package.manifest = parse_manifest(text, (folder / kManifest).string());
  for (auto const& [path, size] : found) package.n_bytes += size;
  check_listing(package, found);
  check_hashes(package);
  auto const& manifest = package.manifest;
  if (encoder_hash(manifest.files) != manifest.encoder)
    throw corrupt(folder / kManifest,
                  "gives the encoder another hash than its files have together; the file is damaged");
  package.spec = read_model_spec(folder);
  std::set<std::string> of_tasks;
  for (auto const& head : package.spec.heads) check_task(package, head, of_tasks);
  if (manifest.tasks.size() != package.spec.heads.size())
    throw corrupt(folder / kManifest, fmt::format("has {} tasks, model.json {}; the files do not belong together",
                                                  manifest.tasks.size(), package.spec.heads.size()));
  for (auto const& [path, hash] : manifest.files)
    if (path.starts_with("tasks/") && !of_tasks.contains(path))
      throw corrupt(folder / path, "belongs to no task of model.json; remove the file, or get the package again");
  auto const config = read_encoder_config(folder / "encoder");
  check_belongs(folder, package.spec, config, 0);  // of the tokenizer nothing is known here
  if (auto const plan = read_precision_plan(folder))
    check_precision_plan(*plan, config, package.spec, (folder / "precision.json").string());
  if (weights == WeightCheck::Now) (void)read_model_weights(folder, config, package.spec);
  return package;
}

}  // namespace polytask::model
