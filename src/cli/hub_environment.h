// What the environment says of the hub, in the words of huggingface_hub.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "hub/hub_settings.h"

namespace polytask::cli {

/// The value of a variable; nothing where it is not set.
using Environment = std::function<std::optional<std::string>(char const* name)>;
/// That of this process.
[[nodiscard]] Environment environment_of_process();

/// HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT, HF_TOKEN and the token's file. Throws
/// Error{InvalidUsage} naming the variable, never showing a token.
[[nodiscard]] hub::HubSettings hub_settings(Environment const& environment);

/// Certificates that are trusted in the place of the system's: SSL_CERT_FILE, CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE.
[[nodiscard]] std::filesystem::path trusted_certificates(Environment const& environment);

}  // namespace polytask::cli
