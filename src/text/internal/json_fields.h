// Reading one component of a tokenizer.json: every message names the file and the field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace polytask::text {

class JsonFields {
 public:
  explicit JsonFields(std::string_view where) : where_(where) {}

  /// Throws Error{InvalidInput}: "<file>: <reason>".
  [[noreturn]] void fail(std::string const& reason) const;
  /// Whether the field is there and not null.
  [[nodiscard]] static bool has(Json const& object, char const* key);
  /// The field, or `missing` where it is absent or null.
  [[nodiscard]] std::string text(Json const& object, char const* key, std::string const& missing) const;
  [[nodiscard]] bool flag(Json const& object, char const* key, bool missing) const;
  /// The id of a token: a whole number below `kLargestVocabulary`.
  [[nodiscard]] std::int32_t id(Json const& value, std::string_view token) const;
  /// A list that has to be there.
  [[nodiscard]] Json const& list(Json const& object, char const* key, std::string_view of) const;

  static constexpr std::size_t kLargestVocabulary = 2'000'000;

 private:
  std::string where_;
};

/// The first option of an added token that asks for another way of matching than the plain one; null when there is
/// none.
[[nodiscard]] char const* unsupported_option(Json const& token);

}  // namespace polytask::text
