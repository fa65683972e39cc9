// An encoder as a user names it: a folder, or a model of the hub, which is downloaded where the cache does not have it.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"

namespace polytask::cli {

/// Where a folder of the cache comes from.
struct HubOrigin {
  std::string name;    ///< "intfloat/multilingual-e5-small"
  std::string commit;  ///< 40 hexadecimal digits
};

struct EncoderSource {
  std::filesystem::path folder;
  std::optional<HubOrigin> hub;  ///< nothing = a folder of the user's
};

/// `word` is what was written, `folder` where that lies if it is a folder: one that exists is used, which is noted
/// where the word could also be a name of the hub. What is neither is left as a folder, whose reader says what is
/// missing. Before a download `on_download` is asked for what stops it. Throws Error{NotFound, InvalidInput,
/// Unavailable, Corrupt, Interrupted}.
[[nodiscard]] EncoderSource encoder_source(std::string const& word, std::filesystem::path const& folder,
                                           std::function<std::stop_token()> const& on_download = {});

/// What an encoder is called in records: a model's name without its owner, or the folder's.
[[nodiscard]] std::string name_of_encoder(std::filesystem::path const& folder, std::optional<HubOrigin> const& hub);

/// {"name": ..., "commit": ...}.
[[nodiscard]] OrderedJson to_json(HubOrigin const& hub);

/// Of a folder the files, by name, that decide what the encoder computes.
[[nodiscard]] std::vector<std::string> files_of_encoder(std::filesystem::path const& folder);

}  // namespace polytask::cli
