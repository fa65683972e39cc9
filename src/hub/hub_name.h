// What names a model of the hub: "owner/name", or "owner/name@revision".
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace polytask::hub {

struct HubName {
  std::string name;               ///< "intfloat/multilingual-e5-small"
  std::string revision = "main";  ///< a branch, a tag, or a commit
  friend bool operator==(HubName const&, HubName const&) = default;
};

/// Fails with InvalidUsage, saying what a name is, for a text that is none. A name can leave neither its cache nor its
/// place in an address: letters, digits, ".", "_" and "-" alone, and never "..".
[[nodiscard]] Result<HubName> parse_hub_name(std::string_view text);

/// Back again; without the revision where it is "main".
[[nodiscard]] std::string to_string(HubName const& name);

/// A whole commit: 40 small hexadecimal digits.
[[nodiscard]] bool is_commit(std::string_view text) noexcept;

/// `n` small hexadecimal digits.
[[nodiscard]] bool is_hex(std::string_view text, std::size_t n) noexcept;

}  // namespace polytask::hub
