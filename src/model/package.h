// A model that can be handed on: a model folder (model/model_folder.h) with a manifest.json that says what every file
// is and where every head comes from, and a card.md for each task that says it to people. A package is never changed;
// another one is made from it (model/package_contents.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/manifest.h"
#include "model/model_folder.h"

namespace polytask::model {

struct Package {
  std::filesystem::path folder;
  std::string id;  ///< SHA-256 of manifest.json
  Manifest manifest;
  ModelSpec spec;
  std::uintmax_t n_bytes = 0;  ///< of all files
};

/// Whether the folder has a manifest.json.
[[nodiscard]] bool is_package(std::filesystem::path const& folder);

/// Throws Error{InvalidUsage} for a new folder that would lie inside a folder from which it is made, which would then
/// not be what was checked any more; and inside any package or run: those must stay as they are. Empty names among
/// `sources` are none.
void refuse_inside_sources(std::filesystem::path const& target, std::vector<std::filesystem::path> const& sources);

/// Whoever reads the weights next looks at every number anyway.
enum class WeightCheck { Now, ByTheirReader };

/// Reads and checks all of it: every file is regular, has one name, is listed and has its hash, and none is missing;
/// the heads were trained on this encoder and these private layers; labels, heads and weights fit; the precisions of
/// precision.json are of layers that the model has. Not checked is whether the tokenizer fits (check_belongs), which
/// needs a tokenizer. Throws Error{NotFound, InvalidInput, Corrupt} naming the file and what is wrong with it.
[[nodiscard]] Package open_package(std::filesystem::path const& folder, WeightCheck weights = WeightCheck::Now);

/// Path in a package of the private layers that the head stands on, the task's or its reading's; nothing where it uses
/// the encoder's.
[[nodiscard]] std::optional<std::string> package_private_file(ModelSpec const& spec, HeadSpec const& head);

}  // namespace polytask::model
