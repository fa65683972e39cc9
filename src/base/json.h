// JSON from untrusted bytes: bounded depth, valid UTF-8, an error that says where.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polytask {

using Json = nlohmann::json;
/// Keeps the order in which keys were set: for everything we write.
using OrderedJson = nlohmann::ordered_json;

struct JsonLimits {
  int max_depth = 64;                            ///< nesting of arrays and objects
  std::size_t max_bytes = std::size_t{1} << 28;  ///< of the whole document
};

/// `where` starts the message: a file name. Fails with InvalidInput for malformed text, a duplicate key, too deep or
/// too large a document.
[[nodiscard]] Result<Json> parse_json(std::string_view text, std::string_view where, JsonLimits limits = {});

/// What a value that was read is not, for people: "key 'files' not found".
[[nodiscard]] std::string json_problem(Json::exception const& error);

}  // namespace polytask
