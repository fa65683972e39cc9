// Hugging Face tokenizer files -> a tokenizer. What is not built is an error that names it, never an approximation.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/internal/json_fields.h"
#include "text/internal/pipeline_reader.h"
#include "text/internal/vocabulary_folder.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece_pipeline.h"
#include "text/tokenizer.h"
#include "text/wordpiece_tokenizer.h"

namespace polytask::text {
namespace {

namespace fs = std::filesystem;

/// Reads one component after the other; every message names the file and the component.
class JsonReader {
 public:
  JsonReader(Json const& json, std::string_view where) : json_(json), fields_(where) {}

  WordPieceConfig config;
  std::vector<std::string> tokens;

  void read() {
    if (!json_.is_object()) fields_.fail("is not a JSON object; expected a Hugging Face tokenizer");
    read_model(component("model", "WordPiece"));
    read_normalizer(component("normalizer", "BertNormalizer"));
    (void)component("pre_tokenizer", "BertPreTokenizer");
    read_post_processor();
    read_added_tokens();
    check_special_ids();
  }

 private:
  Json const& component(char const* key, std::string_view supported) const {
    if (!json_.contains(key) || !json_[key].is_object())
      fields_.fail(fmt::format("has no \"{}\"; only {} is supported", key, supported));
    auto const type = fields_.text(json_[key], "type", key == std::string_view("model") ? std::string(supported) : "");
    if (type != supported)
      fields_.fail(fmt::format("\"{}\" is of type {}; only {} is supported so far", key, quote(type), supported));
    return json_[key];
  }

  void read_model(Json const& model) {
    config.unknown = fields_.text(model, "unk_token", "[UNK]");
    config.prefix = fields_.text(model, "continuing_subword_prefix", "##");
    if (config.prefix.empty())
      fields_.fail("\"continuing_subword_prefix\" is empty; words and their pieces could not be told apart");
    if (model.contains("max_input_chars_per_word")) {
      auto const& value = model["max_input_chars_per_word"];
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 100'000)
        fields_.fail(fmt::format("\"max_input_chars_per_word\" is {}; expected a whole number up to 100000",
                                 quote(value.dump())));
      config.max_code_points = value.get<std::uint32_t>();
    }
    if (!model.contains("vocab") || !model["vocab"].is_object() || model["vocab"].empty())
      fields_.fail("\"model\" has no \"vocab\" of tokens and their ids");
    for (auto const& [token, id] : model["vocab"].items()) place(token, id);
  }

  void place(std::string const& token, Json const& id) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= JsonFields::kLargestVocabulary)
      fields_.fail(fmt::format("token {} has the id {}; expected a whole number below {}", quote(token),
                               quote(id.dump()), JsonFields::kLargestVocabulary));
    auto const at = id.get<std::size_t>();
    if (at >= tokens.size()) {
      tokens.resize(at + 1);
      present_.resize(at + 1, false);
    }
    if (present_[at] && tokens[at] != token)
      fields_.fail(fmt::format("the id {} belongs to two tokens, {} and {}", at, quote(tokens[at]), quote(token)));
    tokens[at] = token;
    present_[at] = true;
  }

  void read_normalizer(Json const& normalizer) {
    config.clean_text = fields_.flag(normalizer, "clean_text", true);
    config.handle_chinese_chars = fields_.flag(normalizer, "handle_chinese_chars", true);
    config.lowercase = fields_.flag(normalizer, "lowercase", true);
    config.strip_accents =
        fields_.flag(normalizer, "strip_accents", config.lowercase);  // null follows the case, as in BERT
  }

  void read_post_processor() {
    if (!json_.contains("post_processor") || !json_["post_processor"].is_object())
      fields_.fail("has no \"post_processor\"; TemplateProcessing or BertProcessing is expected");
    auto const& post = json_["post_processor"];
    auto const type = fields_.text(post, "type", "");
    if (type == "BertProcessing") {
      auto const pair_of = [&](char const* key) {
        if (!post.contains(key) || !post[key].is_array() || post[key].size() != 2 || !post[key][0].is_string())
          fields_.fail(fmt::format("\"post_processor\" has no \"{}\"", key));
        auto const name = post[key][0].get<std::string>();
        special_ids_.emplace_back(name, post[key][1]);
        return name;
      };
      config.cls = pair_of("cls");
      config.sep = pair_of("sep");
    } else if (type == "TemplateProcessing") {
      read_template(post);
    } else {
      fields_.fail(fmt::format(
          "\"post_processor\" is of type {}; only TemplateProcessing and BertProcessing are supported so far",
          quote(type)));
    }
  }

  /// A template in short: "[CLS]:0 $A:0 [SEP]:0".
  std::string template_of(Json const& post, char const* key) const {
    if (!post.contains(key) || !post[key].is_array())
      fields_.fail(fmt::format("\"post_processor\" has no \"{}\" template", key));
    std::string shape;
    for (auto const& item : post[key]) {
      bool const is_special = item.is_object() && item.contains("SpecialToken");
      char const* const kind = is_special ? "SpecialToken" : "Sequence";
      if (!item.is_object() || !item.contains(kind) || !item[kind].is_object() || !item[kind].contains("id") ||
          !item[kind]["id"].is_string() || !item[kind].contains("type_id") ||
          !item[kind]["type_id"].is_number_unsigned())
        fields_.fail(fmt::format("the \"{}\" template holds {}, which is neither a special token nor a text", key,
                                 quote(item.dump())));
      shape += fmt::format("{}{}{}:{}", shape.empty() ? "" : " ", is_special ? "" : "$",
                           item[kind]["id"].get<std::string>(), item[kind]["type_id"].get<std::uint64_t>());
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
    if (single != fmt::format("{}:0 $A:0 {}:0", config.cls, config.sep) ||
        pair != fmt::format("{}:0 $A:0 {}:0 $B:1 {}:1", config.cls, config.sep, config.sep))
      fields_.fail(
          fmt::format("the templates {} and {} are not BERT's \"[CLS] $A [SEP]\" and \"[CLS] $A [SEP] $B [SEP]\"; no "
                      "others are supported so far",
                      quote(single, 200), quote(pair, 200)));
    for (auto const& name : {config.cls, config.sep}) {
      if (!post.contains("special_tokens") || !post["special_tokens"].is_object() ||
          !post["special_tokens"].contains(name))
        continue;
      auto const& entry = post["special_tokens"][name];
      if (!entry.is_object() || !entry.contains("ids") || !entry["ids"].is_array() || entry["ids"].size() != 1)
        fields_.fail(fmt::format("the \"post_processor\" makes {} of the special token {}; expected one id",
                                 quote(entry.dump()), quote(name)));
      special_ids_.emplace_back(name, entry["ids"][0]);
    }
  }

  /// The post-processor repeats the ids of its tokens; ours come from the vocabulary, so they must be the same.
  void check_special_ids() const {
    for (auto const& [name, id] : special_ids_)
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= tokens.size() || tokens[id.get<std::size_t>()] != name)
        fields_.fail(fmt::format("the \"post_processor\" gives {} the id {}, which the vocabulary does not",
                                 quote(name), quote(id.dump())));
  }

  void read_added_tokens() {
    config.special.clear();
    if (!json_.contains("added_tokens") || json_["added_tokens"].is_null()) return;
    if (!json_["added_tokens"].is_array()) fields_.fail("\"added_tokens\" is not a list");
    for (auto const& token : json_["added_tokens"]) {
      if (!token.is_object() || !token.contains("id"))
        fields_.fail("\"added_tokens\" holds something that is not a token");
      auto const text = fields_.text(token, "content", "");
      if (text.empty()) fields_.fail("an added token is empty");
      if (auto const* const option = unsupported_option(token))
        fields_.fail(fmt::format("the added token {} is \"{}\"; that is not supported so far", quote(text), option));
      place(text, token["id"]);
      config.special.push_back(text);
    }
  }

  Json const& json_;
  JsonFields fields_;
  std::vector<bool> present_;
  std::vector<std::pair<std::string, Json>> special_ids_;  ///< what the post-processor says of its tokens
};

/// Whether a WordPiece has words of another kind than BERT's.
bool cuts_otherwise(Json const& json) {
  auto const type_of = [&](char const* key) {
    auto const* const found = json.contains(key) && json[key].is_object() ? &json[key] : nullptr;
    return found != nullptr && found->contains("type") && (*found)["type"].is_string()
               ? (*found)["type"].get<std::string>()
               : std::string();
  };
  auto const normalizer = type_of("normalizer"), pre_tokenizer = type_of("pre_tokenizer");
  bool const has_no_normalizer = !json.contains("normalizer") || json["normalizer"].is_null();
  return !pre_tokenizer.empty() && (!normalizer.empty() || has_no_normalizer) &&
         (pre_tokenizer != "BertPreTokenizer" || normalizer != "BertNormalizer");
}

/// Whether the model is a BPE or Unigram, or a WordPiece with other words than BERT's. An old file may leave out the
/// type.
bool has_pipeline_model(Json const& json, std::string_view where) {
  if (!json.is_object() || !json.contains("model") || !json["model"].is_object()) return false;
  auto const& model = json["model"];
  if (!JsonFields::has(model, "type"))
    return model.contains("merges") || (model.contains("vocab") && model["vocab"].is_array());
  auto const type = JsonFields(where).text(model, "type", "");
  if (type != "WordPiece" && type != "BPE" && type != "Unigram")
    JsonFields(where).fail(
        fmt::format("\"model\" is of type {}; supported are WordPiece, BPE and Unigram", quote(type)));
  return type != "WordPiece" || cuts_otherwise(json);
}

}  // namespace

Result<std::unique_ptr<Tokenizer const>> parse_tokenizer_json(std::string_view text, std::string_view where) {
  auto const json = parse_json(text, where);
  if (!json) return json.error();
  try {
    if (has_pipeline_model(*json, where)) return make_pipeline_tokenizer(read_pipeline(*json, text, where));
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
  if (auto const file = sentencepiece_file(folder)) return make_pipeline_tokenizer(load_sentencepiece(*file));
  throw Error(ErrorCode::NotFound,
              fmt::format("{}: has none of tokenizer.json, vocab.txt, sentencepiece.bpe.model and spm.model; give a "
                          "Hugging Face model folder",
                          folder.string()));
}

}  // namespace polytask::text
