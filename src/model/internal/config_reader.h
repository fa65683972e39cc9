// The keys of an encoder's config.json, each checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace polytask::model {

/// Every message names the file and the key. `missing` is what an absent key means.
class ConfigReader {
 public:
  /// `json` is an object, and borrowed.
  ConfigReader(std::string where, Json const& json) : where_(std::move(where)), json_(json) {}

  [[nodiscard]] bool has(char const* key) const { return json_.contains(key) && !json_[key].is_null(); }
  /// Whether the key is there and says nothing.
  [[nodiscard]] bool nulled(char const* key) const { return json_.contains(key) && json_[key].is_null(); }
  /// A whole number of at least 1; without a key and with missing == 0 an error.
  [[nodiscard]] std::int64_t size(char const* key, std::int64_t missing = 0) const;
  /// A whole number from `low` on.
  [[nodiscard]] std::int64_t count(char const* key, std::int64_t missing, std::int64_t low = 0) const;
  [[nodiscard]] double number(char const* key, double missing, double low, double high) const;
  [[nodiscard]] double dropout(char const* key, double missing) const { return number(key, missing, 0, 0.99); }
  [[nodiscard]] std::string word(char const* key, std::string const& missing) const;
  [[nodiscard]] bool flag(char const* key, bool missing) const;
  /// The words "gelu", "gelu_new" or "relu".
  [[nodiscard]] std::string activation(char const* key) const;
  /// An empty object where the key is missing.
  [[nodiscard]] Json object(char const* key) const;
  [[nodiscard]] Json const& value(char const* key) const { return json_[key]; }

  [[noreturn]] void fail(std::string_view key, std::string const& found, std::string const& expected) const;

 private:
  std::string where_;
  Json const& json_;
};

}  // namespace polytask::model
