#include "exchange/internal/tokenizer_agreement.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "exchange/internal/huggingface_files.h"

namespace polytask::exchange {
namespace {

namespace fs = std::filesystem;

constexpr double kLongestText = 1 << 20;  // tokens; more is a word for "any"
constexpr double kShortestText = 8;       // tokens; as text/tokenizer.h expects

/// A flag of a JSON file; nothing where it has none, or leaves it to the model.
std::optional<bool> flag_in(Json const& json, char const* place) {
  Json::json_pointer const pointer(place);
  return json.contains(pointer) && json[pointer].is_boolean() ? std::optional(json[pointer].get<bool>()) : std::nullopt;
}

/// A token is text, or an object that has the text in it.
std::optional<std::string> token_in(Json const& json, char const* key) {
  if (!json.is_object() || !json.contains(key)) return std::nullopt;
  auto const& token = json[key].is_object() && json[key].contains("content") ? json[key]["content"] : json[key];
  return token.is_string() ? std::optional(token.get<std::string>()) : std::nullopt;
}

void check_normalizer(Json const& config, Json const& tokenizer, std::string const& where) {
  constexpr std::array<std::pair<char const*, char const*>, 3> kFlags{
      {{"do_lower_case", "lowercase"},
       {"strip_accents", "strip_accents"},
       {"tokenize_chinese_chars", "handle_chinese_chars"}}};
  for (auto const& [key, step] : kFlags) {
    auto const said = flag_in(config, fmt::format("/{}", key).c_str());
    auto const read = flag_in(tokenizer, fmt::format("/normalizer/{}", step).c_str());
    if (said && read && *said != *read)
      throw refused(where, fmt::format("\"{}\" is {}, \"{}\" in tokenizer.json {}; correct the one that is wrong", key,
                                       *said, step, *read));
  }
}

/// The names of the first and the last token around a text, where tokenizer.json tells them in one of the ways that
/// BERT's files do.
std::pair<std::optional<std::string>, std::optional<std::string>> tokens_around(Json const& tokenizer) {
  Json::json_pointer const processor("/post_processor");
  if (!tokenizer.contains(processor)) return {};
  auto const& json = tokenizer[processor];
  if (json.contains("cls") && json.contains("sep") && json["cls"].is_array() && json["sep"].is_array() &&
      !json["cls"].empty() && !json["sep"].empty() && json["cls"][0].is_string() && json["sep"][0].is_string())
    return {json["cls"][0].get<std::string>(), json["sep"][0].get<std::string>()};
  if (!json.contains("single") || !json["single"].is_array() || json["single"].size() != 3) return {};
  auto const special = [&](std::size_t i) -> std::optional<std::string> {
    Json::json_pointer const id("/SpecialToken/id");
    return json["single"][i].contains(id) && json["single"][i][id].is_string()
               ? std::optional(json["single"][i][id].get<std::string>())
               : std::nullopt;
  };
  return {special(0), special(2)};
}

void check_special_tokens(Json const& config, Json const& tokenizer, std::string const& where) {
  auto const check = [&](char const* key, std::optional<std::string> const& read) {
    if (auto const said = token_in(config, key); said && read && *said != *read)
      throw refused(where, fmt::format("\"{}\" is {}, tokenizer.json puts {} there; correct the one that is wrong", key,
                                       quote(*said), quote(*read)));
  };
  auto const [first, last] = tokens_around(tokenizer);
  check("cls_token", first);
  check("sep_token", last);
  if (tokenizer.contains("model")) check("unk_token", token_in(tokenizer["model"], "unk_token"));
}

}  // namespace

void check_tokenizer_agrees(fs::path const& folder) {
  auto const path = folder / "tokenizer.json";
  if (!is_there(path)) return;  // then tokenizer_config.json itself is what is read
  auto const tokenizer = read_json_file(path);
  if (auto const beside = folder / "tokenizer_config.json"; is_there(beside)) {
    auto const config = read_json_file(beside);
    check_normalizer(config, tokenizer, beside.string());
    check_special_tokens(config, tokenizer, beside.string());
    if (token_in(config, "truncation_side").value_or("right") != "right")
      throw refused(beside.string(), fmt::format("\"truncation_side\" is {}: long texts would lose their beginning, "
                                                 "which is not done here; expected right",
                                                 quote(*token_in(config, "truncation_side"))));
  }
  if (auto const map = folder / "special_tokens_map.json"; is_there(map))
    check_special_tokens(read_json_file(map), tokenizer, map.string());
}

std::optional<double> length_in(fs::path const& path, char const* key) {
  if (!is_there(path)) return std::nullopt;
  auto const json = read_json_file(path);
  if (!json.is_object() || !json.contains(key) || !json[key].is_number()) return std::nullopt;
  double const length = json[key].get<double>();
  if (length < kShortestText)
    throw refused(path.string(), fmt::format("\"{}\" is {} tokens; expected at least {}: correct it, or remove it", key,
                                             length, kShortestText));
  return length > kLongestText ? std::nullopt : std::optional(length);
}

}  // namespace polytask::exchange
