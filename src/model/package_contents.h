// A package before it is on disk: made from a trained model or from other packages, task by task.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "model/package.h"

namespace polytask::model {

/// What a package will hold. Files that are taken over stay where they are until they are written.
struct PackageContents {
  Manifest manifest;  ///< `polytask` is what write_package is given
  ModelSpec spec;
  std::map<std::string, std::filesystem::path> copied;  ///< by path in the package: the folder it is copied from
  std::map<std::string, std::string> written;           ///< by path in the package: its bytes
  std::string name;                                     ///< of what it was made from, for messages
  std::optional<std::string> id;                        ///< of the package it was made from
};

/// All of a package as it is, which becomes the parent.
[[nodiscard]] PackageContents contents_of(Package const& package);
/// Of a model folder that is no package: its files, and cards. `origin_of` says what is known of each task. Throws
/// Error{NotFound, InvalidInput} naming the file.
[[nodiscard]] PackageContents contents_of_model(std::filesystem::path const& model_folder,
                                                std::function<TaskOrigin(HeadSpec const&)> const& origin_of);

/// Task `task` as `from` has it, in the place of the one that `into` has, or after the others. All else of `into`
/// stays, byte by byte, but for what its precision.json says of the task: nobody has measured it there. Throws
/// Error{NotFound} when `from` does not have it; Error{Conflict} when its head was trained on another encoder, other
/// private layers of its reading, or texts that are read in another way.
void take_task(PackageContents& into, PackageContents const& from, std::string const& task);
/// Without the task, the private layers that no other task reads, and what precision.json says of them. Throws
/// Error{NotFound}, and Error{InvalidUsage} for the last task.
void drop_task(PackageContents& contents, std::string const& task);

/// What `a` and `b` say differently of how the texts of `head` are read; empty where they are read alike. A task whose
/// top layers are its own does not care whose stand in encoder/.
[[nodiscard]] std::string differing_reading(ModelSpec const& a, ModelSpec const& b, HeadSpec const& head);

struct WrittenPackage {
  std::string id;
  bool is_new = true;  ///< false: this very package was there already, and nothing was done
};

/// Writes the package under `folder`, whole or not at all; `polytask` is the version that does. It is opened, with all
/// checks, before it is put in place. Throws Error{Conflict} when something else is there; Error{Unavailable} (a full
/// disk, no permission); Error{Corrupt} when a source was changed meanwhile.
WrittenPackage write_package(PackageContents const& contents, std::filesystem::path const& folder,
                             std::string const& polytask);

}  // namespace polytask::model
