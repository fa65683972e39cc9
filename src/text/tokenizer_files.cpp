// Hugging Face tokenizer files -> a tokenizer. What is not built is an error that names it, never an approximation.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::text {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestVocabulary = 2'000'000;

/// Reads one component after the other; every message names the file and the component.
class JsonReader {
 public:
  JsonReader(Json const& json, std::string_view where) : json_(json), where_(where) {}

  [[noreturn]] void fail(std::string const& reason) const { throw Error(ErrorCode::InvalidInput, fmt::format("{}: {}", where_, reason)); }

  WordPieceConfig config;
  std::vector<std::string> tokens;

  void read() {
    if (!json_.is_object()) fail("is not a JSON object; expected a Hugging Face tokenizer");
    read_model(component("model", "WordPiece"));
    read_normalizer(component("normalizer", "BertNormalizer"));
    (void)component("pre_tokenizer", "BertPreTokenizer");
    read_post_processor();
    read_added_tokens();
  }

 private:
  Json const& component(char const* key, std::string_view supported) const {
    if (!json_.contains(key) || !json_[key].is_object()) fail(fmt::format("has no \"{}\"; only {} is supported", key, supported));
    auto const type = text_of(json_[key], "type", key == std::string_view("model") ? std::string(supported) : "");
    if (type != supported) fail(fmt::format("\"{}\" is of type {}; only {} is supported so far", key, quote(type), supported));
    return json_[key];
  }

  std::string text_of(Json const& object, char const* key, std::string const& missing) const {
    if (!object.contains(key) || object[key].is_null()) return missing;
    if (!object[key].is_string()) fail(fmt::format("\"{}\" is {}; expected text", key, quote(object[key].dump())));
    return object[key].get<std::string>();
  }

  bool flag_of(Json const& object, char const* key, bool missing) const {
    if (!object.contains(key) || object[key].is_null()) return missing;
    if (!object[key].is_boolean()) fail(fmt::format("\"{}\" is {}; expected true or false", key, quote(object[key].dump())));
    return object[key].get<bool>();
  }

  void read_model(Json const& model) {
    config.unknown = text_of(model, "unk_token", "[UNK]");
    config.prefix = text_of(model, "continuing_subword_prefix", "##");
    if (config.prefix.empty()) fail("\"continuing_subword_prefix\" is empty; words and their pieces could not be told apart");
    if (model.contains("max_input_chars_per_word")) {
      auto const& value = model["max_input_chars_per_word"];
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 100'000) fail(fmt::format("\"max_input_chars_per_word\" is {}; expected a whole number up to 100000", quote(value.dump())));
      config.max_code_points = value.get<std::uint32_t>();
    }
    if (!model.contains("vocab") || !model["vocab"].is_object() || model["vocab"].empty()) fail("\"model\" has no \"vocab\" of tokens and their ids");
    for (auto const& [token, id] : model["vocab"].items()) place(token, id);
  }

  void place(std::string const& token, Json const& id) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= kLargestVocabulary)
      fail(fmt::format("token {} has the id {}; expected a whole number below {}", quote(token), quote(id.dump()), kLargestVocabulary));
    auto const at = id.get<std::size_t>();
    if (at >= tokens.size()) {
      tokens.resize(at + 1);
      present_.resize(at + 1, false);
    }
    if (present_[at] && tokens[at] != token) fail(fmt::format("the id {} belongs to two tokens, {} and {}", at, quote(tokens[at]), quote(token)));
    tokens[at] = token;
    present_[at] = true;
  }

  void read_normalizer(Json const& normalizer) {
    config.clean_text = flag_of(normalizer, "clean_text", true);
    config.handle_chinese_chars = flag_of(normalizer, "handle_chinese_chars", true);
    config.lowercase = flag_of(normalizer, "lowercase", true);
    config.strip_accents = flag_of(normalizer, "strip_accents", config.lowercase);  // null follows the case, as in BERT
  }

  void read_post_processor() {
    if (!json_.contains("post_processor") || !json_["post_processor"].is_object()) fail("has no \"post_processor\"; TemplateProcessing or BertProcessing is expected");
    auto const& post = json_["post_processor"];
    auto const type = text_of(post, "type", "");
    if (type == "BertProcessing") {
      auto const pair_of = [&](char const* key) {
        if (!post.contains(key) || !post[key].is_array() || post[key].size() != 2 || !post[key][0].is_string()) fail(fmt::format("\"post_processor\" has no \"{}\"", key));
        return post[key][0].get<std::string>();
      };
      config.cls = pair_of("cls");
      config.sep = pair_of("sep");
    } else if (type == "TemplateProcessing") {
      read_template(post);
    } else {
      fail(fmt::format("\"post_processor\" is of type {}; only TemplateProcessing and BertProcessing are supported so far", quote(type)));
    }
  }

  /// A template in short: "[CLS]:0 $A:0 [SEP]:0".
  std::string template_of(Json const& post, char const* key) const {
    if (!post.contains(key) || !post[key].is_array()) fail(fmt::format("\"post_processor\" has no \"{}\" template", key));
    std::string shape;
    for (auto const& item : post[key]) {
      bool const is_special = item.is_object() && item.contains("SpecialToken");
      char const* const kind = is_special ? "SpecialToken" : "Sequence";
      if (!item.is_object() || !item.contains(kind) || !item[kind].is_object() || !item[kind].contains("id") || !item[kind]["id"].is_string() ||
          !item[kind].contains("type_id") || !item[kind]["type_id"].is_number_unsigned())
        fail(fmt::format("the \"{}\" template holds {}, which is neither a special token nor a text", key, quote(item.dump())));
      shape += fmt::format("{}{}{}:{}", shape.empty() ? "" : " ", is_special ? "" : "$", item[kind]["id"].get<std::string>(), item[kind]["type_id"].get<std::uint64_t>());
    }
    return shape;
  }

  void read_template(Json const& post) {
    auto const single = template_of(post, "single");
    auto const end = single.find(':');
    config.cls = single.substr(0, end);
    auto const last = single.rfind(' ');
    config.sep = last == std::string::npos ? "" : single.substr(last + 1, single.rfind(':') - last - 1);
    auto const pair = template_of(post, "pair");
    if (single != fmt::format("{}:0 $A:0 {}:0", config.cls, config.sep) || pair != fmt::format("{}:0 $A:0 {}:0 $B:1 {}:1", config.cls, config.sep, config.sep))
      fail(fmt::format("the templates {} and {} are not BERT's \"[CLS] $A [SEP]\" and \"[CLS] $A [SEP] $B [SEP]\"; no others are supported so far", quote(single, 200), quote(pair, 200)));
  }

  void read_added_tokens() {
    config.special.clear();
    if (!json_.contains("added_tokens") || json_["added_tokens"].is_null()) return;
    if (!json_["added_tokens"].is_array()) fail("\"added_tokens\" is not a list");
    for (auto const& token : json_["added_tokens"]) {
      if (!token.is_object() || !token.contains("id")) fail("\"added_tokens\" holds something that is not a token");
      auto const text = text_of(token, "content", "");
      if (text.empty()) fail("an added token is empty");
      for (auto const* unsupported : {"single_word", "lstrip", "rstrip", "normalized"})
        if (flag_of(token, unsupported, false)) fail(fmt::format("the added token {} is \"{}\"; that is not supported so far", quote(text), unsupported));
      place(text, token["id"]);
      config.special.push_back(text);
    }
  }

  Json const& json_;
  std::string_view where_;
  std::vector<bool> present_;
};

std::vector<std::string> read_vocabulary(fs::path const& path) {
  auto const text = read_file(path, std::uintmax_t{1} << 28);
  std::vector<std::string> tokens;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    std::size_t const last = end > begin && text[end - 1] == '\r' ? end - 1 : end;
    tokens.push_back(text.substr(begin, last - begin));
    begin = end + 1;
  }
  return tokens;
}

std::unique_ptr<Tokenizer const> load_vocabulary(fs::path const& folder) {
  WordPieceConfig config;
  bool strips_by_case = true;
  auto const path = folder / "tokenizer_config.json";
  if (fs::exists(path)) {
    auto const json = parse_json(read_file(path, 1 << 24), path.string()).value();
    auto const flag = [&](char const* key, bool& value) {
      if (!json.is_object() || !json.contains(key) || json[key].is_null()) return false;
      if (!json[key].is_boolean()) throw Error(ErrorCode::InvalidInput, fmt::format("{}: \"{}\" is {}; expected true or false", path.string(), key, quote(json[key].dump())));
      value = json[key].get<bool>();
      return true;
    };
    auto const word = [&](char const* key, std::string& value) {
      if (json.is_object() && json.contains(key) && json[key].is_string()) value = json[key].get<std::string>();
    };
    (void)flag("do_lower_case", config.lowercase);
    (void)flag("tokenize_chinese_chars", config.handle_chinese_chars);
    strips_by_case = !flag("strip_accents", config.strip_accents);
    word("unk_token", config.unknown);
    word("cls_token", config.cls);
    word("sep_token", config.sep);
  }
  if (strips_by_case) config.strip_accents = config.lowercase;
  return make_wordpiece(read_vocabulary(folder / "vocab.txt"), config, (folder / "vocab.txt").string()).value();
}

}  // namespace

Result<std::unique_ptr<Tokenizer const>> parse_tokenizer_json(std::string_view text, std::string_view where) {
  auto const json = parse_json(text, where);
  if (!json) return json.error();
  try {
    JsonReader reader(*json, where);
    reader.read();
    // Ids that no token has are holes: they get names that no text can produce.
    for (std::size_t i = 0; i < reader.tokens.size(); ++i)
      if (reader.tokens[i].empty()) reader.tokens[i] = fmt::format("\xEF\xBF\xBD unused {}", i);
    return make_wordpiece(std::move(reader.tokens), reader.config, where);
  } catch (Error const& error) {
    return error;
  }
}

std::unique_ptr<Tokenizer const> load_tokenizer(fs::path const& folder) {
  auto const path = folder / "tokenizer.json";
  if (fs::exists(path)) return parse_tokenizer_json(read_file(path, std::uintmax_t{1} << 28), path.string()).value();
  if (fs::exists(folder / "vocab.txt")) return load_vocabulary(folder);
  throw Error(ErrorCode::NotFound, fmt::format("{}: has neither tokenizer.json nor vocab.txt; give a Hugging Face model folder", folder.string()));
}

}  // namespace polytask::text
