// Bytes from base64 (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace polytask::text {

/// Nothing when a character or the padding is wrong.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace polytask::text
