#include "model/internal/config_reader.h"

#include <fmt/format.h>

#include "base/error.h"

namespace polytask::model {

constexpr std::int64_t kLargest = 1 << 24;

void ConfigReader::fail(std::string_view key, std::string const& found, std::string const& expected) const {
  throw Error(ErrorCode::InvalidInput, fmt::format("{}: \"{}\" is {}; expected {}", where_, key, found, expected));
}

std::int64_t ConfigReader::size(char const* key, std::int64_t missing) const {
  if (!json_.contains(key) && missing == 0) fail(key, "missing", "a whole number");
  return count(key, missing, 1);
}

std::int64_t ConfigReader::count(char const* key, std::int64_t missing, std::int64_t low) const {
  if (!json_.contains(key)) return missing;
  auto const& value = json_[key];
  if (!value.is_number_integer() || value < Json(low) || value > Json(kLargest))
    fail(key, quote(value.dump()), fmt::format("a whole number from {} to {}", low, kLargest));
  return value.get<std::int64_t>();
}

double ConfigReader::number(char const* key, double missing, double low, double high) const {
  if (!has(key)) return missing;
  auto const& value = json_[key];
  if (!value.is_number() || value.get<double>() < low || value.get<double>() > high)
    fail(key, quote(value.dump()), fmt::format("a number from {} to {}", low, high));
  return value.get<double>();
}

std::string ConfigReader::word(char const* key, std::string const& missing) const {
  if (!has(key)) return missing;
  if (!json_[key].is_string()) fail(key, quote(json_[key].dump()), "a word");
  return json_[key].get<std::string>();
}

bool ConfigReader::flag(char const* key, bool missing) const {
  if (!has(key)) return missing;
  if (!json_[key].is_boolean()) fail(key, quote(json_[key].dump()), "true or false");
  return json_[key].get<bool>();
}

std::string ConfigReader::activation(char const* key) const {
  auto const name = word(key, "gelu");
  if (name == "gelu_pytorch_tanh") return "gelu_new";  // two names of one function
  if (name != "gelu" && name != "gelu_new" && name != "relu")
    fail(key, quote(name), "\"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"");
  return name;
}

Json ConfigReader::object(char const* key) const {
  if (!has(key)) return Json::object();
  if (!json_[key].is_object()) fail(key, quote(json_[key].dump()), "an object");
  return json_[key];
}

}  // namespace polytask::model
