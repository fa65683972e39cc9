#include "model/package_contents.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/nearest.h"
#include "model/internal/package_files.h"
#include "model/model_weights.h"
#include "model/new_folder.h"
#include "model/precision_plan.h"
#include "model/task_card.h"

namespace polytask::model {
namespace {

namespace fs = std::filesystem;

constexpr auto kDescription = "model.json";

void add_copy(PackageContents& contents, fs::path const& folder, std::string const& path) {
  if (!is_package_path(path))
    throw Error(
        ErrorCode::InvalidInput,
        fmt::format("{}: has a name that no file of a package has; expected letters, digits, \".\", \"_\" and \"-\"",
                    (folder / path).string()));
  contents.copied[path] = folder;
  contents.manifest.files[path] = hash_package_file(folder, path);
}

void add_text(PackageContents& contents, std::string const& path, std::string text) {
  contents.copied.erase(path);
  contents.manifest.files[path] = sha256_hex(text);
  contents.written[path] = std::move(text);
}

void remove_file(PackageContents& contents, std::string const& path) {
  contents.copied.erase(path);
  contents.written.erase(path);
  contents.manifest.files.erase(path);
}

void remove_folder(PackageContents& contents, std::string const& prefix) {
  std::vector<std::string> inside;
  for (auto const& [path, hash] : contents.manifest.files)
    if (path.starts_with(prefix)) inside.push_back(path);
  for (auto const& path : inside) remove_file(contents, path);
}

void remove_unread_layers(PackageContents& contents) {
  auto const own = contents.spec.private_readings();
  for (auto const reading : kReadings)
    if (std::find(own.begin(), own.end(), reading) == own.end())
      remove_file(contents, private_file("", reading).string());
}

/// The plan as it is true of what the package has become: nobody has measured `task`, which is another one or gone.
void without_loss(PackageContents& contents, std::string const& task) {
  auto plan = precision_of(contents);
  if (!plan) return;
  plan->losses.erase(task);
  auto const own = contents.spec.private_readings();
  auto const of_task = layer_group_prefix(task);
  std::erase_if(plan->higher, [&](auto const& one) {
    if (one.first.starts_with(of_task)) return true;
    return one.first.starts_with("private/") && std::none_of(own.begin(), own.end(), [&](Reading reading) {
             return one.first.starts_with(fmt::format("private/{}/", to_string(reading)));
           });
  });
  set_precision(contents, *plan);
}

/// The file as `from` has it.
void take_file(PackageContents& into, PackageContents const& from, std::string const& path) {
  remove_file(into, path);
  if (auto const found = from.copied.find(path); found != from.copied.end()) into.copied.insert(*found);
  if (auto const found = from.written.find(path); found != from.written.end()) into.written.insert(*found);
  into.manifest.files[path] = from.manifest.files.at(path);
}

std::optional<std::string> private_hash(PackageContents const& contents, HeadSpec const& head) {
  auto const path = package_private_file(contents.spec, head);
  return path ? std::optional(contents.manifest.files.at(*path)) : std::nullopt;
}

std::size_t index_of(PackageContents const& contents, std::string const& task) {
  if (auto const index = contents.spec.find(task)) return *index;
  throw Error(ErrorCode::NotFound, fmt::format("{}: has no task {}{}", contents.name, quote(task),
                                               did_you_mean(task, contents.spec.task_names())));
}

}  // namespace

std::string differing_reading(ModelSpec const& a, ModelSpec const& b, HeadSpec const& head) {
  if (a.pooling != b.pooling) return fmt::format("pooling is {}, there {}", to_string(a.pooling), to_string(b.pooling));
  if (a.max_length != b.max_length)
    return fmt::format("texts have up to {} tokens, there {}", a.max_length, b.max_length);
  if (head.private_layers > 0) return "";  // whose top layers stand in encoder/ is nothing to it
  if (a.private_layers != b.private_layers)
    return fmt::format("{} layers are private, there {}", a.private_layers, b.private_layers);
  if (a.encoder_reading != b.encoder_reading) return "the encoder's top layers are of another reading";
  return "";
}

namespace {

void refuse_other_encoder(PackageContents const& into, PackageContents const& from, HeadSpec const& head) {
  auto const& name = head.task.name;
  auto const refuse = [&](std::string const& reason) {
    throw Error(ErrorCode::Conflict, fmt::format("the head of task {} cannot be taken from {} into {}: {}", quote(name),
                                                 from.name, into.name, reason));
  };
  if (from.manifest.encoder != into.manifest.encoder)
    refuse(
        fmt::format("it was trained on another encoder ({}, here {}) and would answer nonsense; train it on this "
                    "encoder, or take the package whole",
                    short_id(from.manifest.encoder), short_id(into.manifest.encoder)));
  if (auto const reason = differing_reading(into.spec, from.spec, head); !reason.empty())
    refuse(fmt::format("texts are read in another way: here {}; train it with these settings", reason));
  auto const layers = package_private_file(from.spec, head);
  if (!layers || head.private_layers > 0) return;
  auto const here = into.manifest.files.find(*layers);
  if (here != into.manifest.files.end() && here->second != from.manifest.files.at(*layers))
    refuse(
        fmt::format("it was trained on other private layers of the reading \"{}\" ({}, here {}), which other tasks "
                    "share; train it on these",
                    to_string(head.reading()), short_id(from.manifest.files.at(*layers)), short_id(here->second)));
}

void copy_file(fs::path const& from, std::string const& path, fs::path const& to, std::string const& expected) {
  PackageFile source(from, path);
  AtomicFile copy(to / path);
  Sha256 hash;
  for (auto chunk = source.next(); !chunk.empty(); chunk = source.next()) {
    hash.update(chunk);
    copy.write(chunk);
  }
  if (hash.hex_digest() != expected)
    throw Error(ErrorCode::Corrupt,
                fmt::format("{}: was changed while it was copied; run the same command again", (from / path).string()));
  copy.commit();
}

std::vector<fs::path> sources_of(PackageContents const& contents) {
  std::set<fs::path> sources;
  for (auto const& [path, folder] : contents.copied) sources.insert(folder);
  return {sources.begin(), sources.end()};
}

/// True when the very package is there already.
bool is_written_already(fs::path const& target, std::string const& id) {
  if (!is_there(target)) return false;
  std::string found = "is there already and is no package";
  if (is_package(target)) try {
      auto const package = open_package(target);
      if (package.id == id) return true;
      found = fmt::format("is there already and is another package ({})", short_id(package.id));
    } catch (Error const& error) {
      found = fmt::format("is there already and is no whole package ({})", error.what());
    }
  throw Error(ErrorCode::Conflict, fmt::format("{}: {}; a package is never changed: choose another --to, or remove it",
                                               target.string(), found));
}

}  // namespace

PackageContents contents_of(Package const& package) {
  PackageContents contents{
      .manifest = package.manifest, .spec = package.spec, .name = package.folder.string(), .id = package.id};
  contents.manifest.parent = {.package = package.id};
  for (auto const& [path, hash] : package.manifest.files) contents.copied[path] = package.folder;
  return contents;
}

PackageContents contents_of_model(fs::path const& model_folder,
                                  std::function<TaskOrigin(HeadSpec const&)> const& origin_of) {
  PackageContents contents{.spec = read_model_spec(model_folder), .name = model_folder.string()};
  auto& manifest = contents.manifest;
  auto const config = read_encoder_config(model_folder / "encoder");
  check_belongs(model_folder, contents.spec, config, 0);  // of the tokenizer nothing is known here
  (void)read_model_weights(model_folder, config, contents.spec);
  add_copy(contents, model_folder, kDescription);
  for (auto const& entry : fs::directory_iterator(model_folder / "encoder"))
    add_copy(contents, model_folder, "encoder/" + entry.path().filename().string());
  for (auto const reading : contents.spec.private_readings())
    add_copy(contents, model_folder, private_file("", reading).string());
  manifest.encoder = encoder_hash(manifest.files);
  for (auto const& head : contents.spec.heads) {
    auto const folder = task_folder("", head.task.name).string();
    for (auto const* file : {"task.json", "head.safetensors"}) add_copy(contents, model_folder, folder + "/" + file);
    if (head.private_layers > 0) add_copy(contents, model_folder, private_file("", head.task.name).string());
    auto& task = manifest.tasks[head.task.name];
    task = {.folder = folder,
            .encoder = manifest.encoder,
            .private_layers = private_hash(contents, head),
            .head = manifest.files.at(folder + "/head.safetensors"),
            .origin = origin_of(head)};
    add_text(contents, folder + "/card.md", card_text(head, task.origin));
  }
  return contents;
}

void take_task(PackageContents& into, PackageContents const& from, std::string const& task) {
  auto const& head = from.spec.heads[index_of(from, task)];
  refuse_other_encoder(into, from, head);
  auto const folder = task_folder("", task).string() + "/";
  remove_folder(into, folder);
  for (auto const& [path, hash] : from.manifest.files)
    if (path.starts_with(folder)) take_file(into, from, path);
  if (auto const layers = package_private_file(from.spec, head)) take_file(into, from, *layers);
  into.manifest.tasks[task] = from.manifest.tasks.at(task);
  into.manifest.parent.tasks.erase(task);
  if (from.id) into.manifest.parent.tasks[task] = *from.id;
  if (auto const index = into.spec.find(task)) {
    auto const before = model_json(into.spec);
    into.spec.heads[*index] = head;
    remove_unread_layers(into);
    if (auto text = model_json(into.spec); text != before)  // a head that only newer versions read has come, or gone
      add_text(into, kDescription, std::move(text));
  } else {
    into.spec.heads.push_back(head);
    add_text(into, kDescription, model_json(into.spec));
  }
  if (precision_of(from))  // which the card tells
    add_text(into, folder + "card.md", card_text(head, from.manifest.tasks.at(task).origin));
  without_loss(into, task);
}

void drop_task(PackageContents& contents, std::string const& task) {
  auto const index = index_of(contents, task);
  if (contents.spec.heads.size() == 1)
    throw Error(ErrorCode::InvalidUsage, fmt::format("{}: {} is its only task; a package without tasks answers nothing",
                                                     contents.name, quote(task)));
  remove_folder(contents, task_folder("", task).string() + "/");
  contents.manifest.tasks.erase(task);
  contents.manifest.parent.tasks.erase(task);
  contents.spec.heads.erase(contents.spec.heads.begin() + static_cast<std::ptrdiff_t>(index));
  remove_unread_layers(contents);
  add_text(contents, kDescription, model_json(contents.spec));
  without_loss(contents, task);
}

WrittenPackage write_package(PackageContents const& contents, fs::path const& folder, std::string const& polytask) {
  auto const target = new_folder_name(folder);
  refuse_inside_sources(target, sources_of(contents));
  auto manifest = contents.manifest;
  manifest.polytask = polytask;
  auto const text = manifest_text(manifest);
  auto const id = sha256_hex(text);
  if (is_written_already(target, id)) return {.id = id, .is_new = false};
  NewFolder unfinished(target);
  for (auto const& [path, from] : contents.copied)
    copy_file(from, path, unfinished.path(), contents.manifest.files.at(path));
  for (auto const& [path, bytes] : contents.written) write_file_atomically(unfinished.path() / path, bytes);
  write_file_atomically(unfinished.path() / "manifest.json", text);
  expects(open_package(unfinished.path()).id == id, "what was written is what was meant");
  unfinished.commit();
  return {.id = id};
}

}  // namespace polytask::model
