// manifest.json of a package: what every file of it is, and where every head comes from.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace polytask::model {

/// The primary score of a task, with a 95 % interval.
struct TaskScore {
  std::string metric;
  std::optional<double> value;  ///< nothing where it is not defined on the rows
  std::optional<std::array<double, 2>> interval;
  std::int64_t n = 0;  ///< rows
  std::string split;
  friend bool operator==(TaskScore const&, TaskScore const&) = default;
};

/// A model of the Hugging Face hub.
struct HubModel {
  std::string name;    ///< "intfloat/multilingual-e5-small"
  std::string commit;  ///< 40 small hexadecimal digits
  friend bool operator==(HubModel const&, HubModel const&) = default;
};

/// Where a head comes from, as far as it is known.
struct TaskOrigin {
  std::optional<std::string> run;           ///< that trained it
  std::map<std::string, std::string> data;  ///< content hash of each dataset that it learned from
  std::optional<TaskScore> score;
  std::optional<HubModel> hub;  ///< that its run's encoder started from, where that came from the hub
};

struct PackagedTask {
  std::string folder;                         ///< in the package
  std::string encoder;                        ///< encoder_hash of the encoder that the head was trained on
  std::optional<std::string> private_layers;  ///< SHA-256 of the file of its reading; nothing = the encoder's own
  std::string head;                           ///< SHA-256 of head.safetensors
  TaskOrigin origin;
};

/// What a package was made from.
struct PackageParent {
  std::optional<std::string> run;
  std::optional<std::string> package;        ///< its id
  std::map<std::string, std::string> tasks;  ///< tasks that were taken from other packages: their ids
};

/// Hashes are SHA-256 in 64 small hexadecimal digits.
struct Manifest {
  std::string polytask;  ///< version that wrote it
  PackageParent parent;
  std::map<std::string, std::string> files;  ///< hash of every file but the manifest, by path
  std::string encoder;                       ///< encoder_hash(files)
  std::map<std::string, PackagedTask> tasks;
};

/// The text of a manifest.json. There is one for each manifest, so its hash is the id of the package.
[[nodiscard]] std::string manifest_text(Manifest const& manifest);
/// Back again. Throws Error{InvalidInput, Corrupt} for a newer schema (naming the version that reads it), for what is
/// no hash, no name or no path inside the package, and for any text that manifest_text does not write.
[[nodiscard]] Manifest parse_manifest(std::string_view text, std::string const& where);

/// SHA-256 over "<hash>  <path>\n" of every file under encoder/, sorted by path: what `sha256sum` prints of them.
[[nodiscard]] std::string encoder_hash(std::map<std::string, std::string> const& files);

/// The first 12 digits of a hash, which people can compare.
[[nodiscard]] std::string short_id(std::string const& hash);

}  // namespace polytask::model
