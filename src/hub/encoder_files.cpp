#include "hub/encoder_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/json.h"

namespace polytask::hub {
namespace {

void add_where_there(std::vector<std::string>& files, std::function<bool(std::string const&)> const& has,
                     std::initializer_list<char const*> names) {
  for (auto const* name : names)
    if (has(name)) files.emplace_back(name);
}

bool is_shard_name(std::string_view name) {
  return name.ends_with(".safetensors") && !name.starts_with('.') && name.size() <= 200 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

}  // namespace

EncoderFiles encoder_files(std::function<bool(std::string const&)> const& has) {
  EncoderFiles files;
  std::vector<std::string> lacking;
  if (has("config.json"))
    files.read.emplace_back("config.json");
  else
    lacking.emplace_back("no config.json");
  // What a tokenizer.json says, nothing beside it changes.
  if (has("tokenizer.json")) {
    files.read.emplace_back("tokenizer.json");
    add_where_there(files.beside, has, {"tokenizer_config.json"});
  } else if (has("vocab.txt")) {
    add_where_there(files.read, has, {"vocab.txt", "tokenizer_config.json", "added_tokens.json"});
  } else if (has("sentencepiece.bpe.model")) {
    add_where_there(files.read, has, {"sentencepiece.bpe.model", "tokenizer_config.json"});
  } else if (has("spm.model")) {
    add_where_there(files.read, has, {"spm.model", "tokenizer_config.json"});
  } else {
    lacking.emplace_back("none of tokenizer.json, vocab.txt, sentencepiece.bpe.model and spm.model");
  }
  add_where_there(files.beside, has, {"special_tokens_map.json"});
  if (has(kWeights))
    files.read.emplace_back(kWeights);
  else if (has(kWeightsIndex))
    files.read.emplace_back(kWeightsIndex);
  else
    lacking.emplace_back("no model.safetensors");
  files.lack = fmt::format("{}", fmt::join(lacking, ", "));
  return files;
}

Result<std::set<std::string>> shards_of(std::string_view text, std::string_view where) {
  auto const json = parse_json(text, where, {.max_depth = 16, .max_bytes = largest_size(kWeightsIndex)});
  if (!json) return Error(ErrorCode::Corrupt, json.error().what());
  if (!json->is_object() || !json->contains("weight_map") || !(*json)["weight_map"].is_object() ||
      (*json)["weight_map"].empty())
    return Error(ErrorCode::Corrupt, fmt::format("{}: has no \"weight_map\" of tensor names to file names", where));
  std::set<std::string> shards;
  for (auto const& [tensor, file] : (*json)["weight_map"].items()) {
    if (!file.is_string() || !is_shard_name(file.get_ref<std::string const&>()))
      return Error(ErrorCode::Corrupt,
                   fmt::format("{}: names the file {}; expected the plain name of a .safetensors file beside it", where,
                               quote(file.is_string() ? file.get<std::string>() : file.dump())));
    shards.insert(file.get<std::string>());
  }
  return shards;
}

std::uint64_t largest_size(std::string_view name) {
  if (name.ends_with(".safetensors")) return std::uint64_t{1} << 36;
  if (name == kWeightsIndex) return std::uint64_t{1} << 26;
  if (name == "config.json" || name.ends_with("_config.json")) return std::uint64_t{1} << 24;
  return std::uint64_t{1} << 28;  // what the tokenizers read
}

}  // namespace polytask::hub
