#include "text/internal/json_fields.h"

#include <fmt/format.h>

#include "base/error.h"

namespace polytask::text {

void JsonFields::fail(std::string const& reason) const {
  throw Error(ErrorCode::InvalidInput, fmt::format("{}: {}", where_, reason));
}

bool JsonFields::has(Json const& object, char const* key) { return object.contains(key) && !object[key].is_null(); }

std::string JsonFields::text(Json const& object, char const* key, std::string const& missing) const {
  if (!has(object, key)) return missing;
  if (!object[key].is_string()) fail(fmt::format("\"{}\" is {}; expected text", key, quote(object[key].dump())));
  return object[key].get<std::string>();
}

bool JsonFields::flag(Json const& object, char const* key, bool missing) const {
  if (!has(object, key)) return missing;
  if (!object[key].is_boolean())
    fail(fmt::format("\"{}\" is {}; expected true or false", key, quote(object[key].dump())));
  return object[key].get<bool>();
}

std::int32_t JsonFields::id(Json const& value, std::string_view token) const {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kLargestVocabulary)
    fail(fmt::format("token {} has the id {}; expected a whole number below {}", quote(token), quote(value.dump()),
                     kLargestVocabulary));
  return value.get<std::int32_t>();
}

Json const& JsonFields::list(Json const& object, char const* key, std::string_view of) const {
  if (!object.contains(key) || !object[key].is_array())
    fail(fmt::format("has no list \"{}\" of {}; found {}", key, of,
                     object.contains(key) ? quote(object[key].dump()) : "nothing"));
  return object[key];
}

char const* unsupported_option(Json const& token) {
  for (auto const* option : {"single_word", "lstrip", "rstrip", "normalized"})
    if (token.contains(option) && token[option] != false && !token[option].is_null()) return option;
  return nullptr;
}

}  // namespace polytask::text
